import { describe, expect, test } from 'vitest';
import { checkNetworks, labRoutes, lackingRoutes, nowhere, ownRoutes, parseRoutes } from './host-network.ts';
import type { DockerNetwork } from './docker.ts';
import { topologyOf } from './topology.ts';

const topology = topologyOf('cnpg-chaos', 0);
const ownNetwork: DockerNetwork = {
  name: 'cnpg-chaos',
  lab: 'cnpg-chaos',
  bridge: 'labbr0',
  subnets: ['172.31.0.0/16'],
};
const bridge: DockerNetwork = { name: 'bridge', lab: '', bridge: 'docker0', subnets: ['172.17.0.0/16', 'fd00::/64'] };

const routeTable = `default via 192.168.1.1 dev eth0
10.244.1.0/24 via 172.31.0.11 dev labbr0
172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown
172.31.0.0/16 dev labbr0 proto kernel scope link src 172.31.0.1
192.168.1.7 dev eth0 scope link
unreachable 10.99.0.0/16
unreachable 10.98.0.0/16 metric 100
unreachable 10.244.0.0/16 metric 9753
`;

test('routes are read from `ip route`', () => {
  expect(parseRoutes(routeTable)).toEqual([
    { destination: '10.244.1.0/24', device: 'labbr0', via: '172.31.0.11' },
    { destination: '172.17.0.0/16', device: 'docker0', via: '' },
    { destination: '172.31.0.0/16', device: 'labbr0', via: '' },
    { destination: '192.168.1.7/32', device: 'eth0', via: '' },
    { destination: '10.244.0.0/16', device: '', via: nowhere },
  ]);
});

test('the host reaches each pod network through its node and services through the control plane', () => {
  expect(labRoutes(topology)).toEqual([
    { destination: '10.244.1.0/24', via: '172.31.0.11' },
    { destination: '10.244.2.0/24', via: '172.31.0.12' },
    { destination: '10.244.3.0/24', via: '172.31.0.13' },
    { destination: '10.96.0.0/16', via: '172.31.0.10' },
    { destination: '172.31.0.0/16', via: nowhere },
    { destination: '10.244.0.0/16', via: nowhere },
    { destination: '10.96.0.0/16', via: nowhere },
  ]);
  expect(lackingRoutes(topology, parseRoutes(routeTable))).toEqual([
    { destination: '10.244.2.0/24', via: '172.31.0.12' },
    { destination: '10.244.3.0/24', via: '172.31.0.13' },
    { destination: '10.96.0.0/16', via: '172.31.0.10' },
    { destination: '172.31.0.0/16', via: nowhere },
    { destination: '10.96.0.0/16', via: nowhere },
  ]);
});

describe('networks of the host', () => {
  const check = (routes: string, networks: DockerNetwork[]) => () =>
    checkNetworks(topology, parseRoutes(routes), networks);

  test('that are our own or elsewhere are fine', () => {
    expect(check(routeTable, [ownNetwork, bridge])).not.toThrow();
  });

  test('of another lab are refused with its name and the way out', () => {
    const other = { ...ownNetwork, name: 'second', lab: 'second' };
    expect(check('', [other])).toThrow(expect.objectContaining({ code: 'OTHER_LAB' }));
    expect(check('', [other])).toThrow('npx chaos-lab down --name second');
  });

  test('of something else in Docker are refused by name', () => {
    const foreign = { name: 'kind', lab: '', bridge: '', subnets: ['172.31.4.0/24'] };
    expect(check('', [foreign])).toThrow(expect.objectContaining({ code: 'SUBNET_IN_USE' }));
    expect(check('', [foreign])).toThrow("Docker network 'kind' uses 172.31.4.0/24");
  });

  test.each([
    ['172.31.32.0/20 dev ens5 proto kernel', '172.31.32.0/20'],
    ['10.244.0.0/16 dev flannel.1', '10.244.0.0/16'],
    ['10.96.0.10 dev tun0', '10.96.0.10/32'],
  ])('that the host routes elsewhere are refused: %s', (route, destination) => {
    expect(check(route, [])).toThrow(`the host routes ${destination}`);
  });

  test('that are wider than ours leave ours alone', () => {
    expect(check('10.0.0.0/8 via 10.8.0.1 dev tun0', [])).not.toThrow();
  });
});

test('a lab removes its own routes only, never those of another one or of something else with the same addresses', () => {
  const routes = parseRoutes(
    [
      '10.244.1.0/24 via 172.31.0.11 dev labbr0',
      '10.244.2.0/24 via 192.168.1.1 dev eth0',
      '10.243.1.0/24 via 172.30.0.11 dev labbr1',
      'unreachable 10.96.0.0/16 metric 9753',
      'unreachable 10.97.0.0/16 metric 9753',
    ].join('\n'),
  );
  const own = (one: typeof topology) => ownRoutes(one, routes).map(({ destination }) => destination);
  expect(own(topology)).toEqual(['10.244.1.0/24', '10.96.0.0/16']);
  expect(own(topologyOf('two', 1))).toEqual(['10.243.1.0/24', '10.97.0.0/16']);
  expect(ownRoutes(topologyOf('three', 2), routes)).toEqual([]);
});
