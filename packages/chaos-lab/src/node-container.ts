import { GenericContainer, PullPolicy, Wait } from 'testcontainers';
import { hostConfig, volumeName, volumes } from './node-container-spec.ts';
import type { NodeFile } from './node-files.ts';
import { labLabel, nodeKeyLabel, type Topology, type TopologyNode } from './topology.ts';

/** What {@link LabNodeContainer} starts. */
export interface NodeContainerOptions {
  image: string;
  topology: Topology;
  node: TopologyNode;
  key: string;
  files: readonly NodeFile[];
}

/** A node of the lab: outlives this process, survives `docker kill` and `docker start`, needs no privileged mode. */
export class LabNodeContainer extends GenericContainer {
  constructor({ image, topology, node, key, files }: NodeContainerOptions) {
    super(image);
    this.hostConfig = {
      ...this.hostConfig,
      ...hostConfig,
      Mounts: Object.entries(volumes[node.role]).map(([purpose, Target]) => ({
        Type: 'volume',
        Source: volumeName(node.container, purpose),
        Target,
        VolumeOptions: {
          NoCopy: true,
          Labels: { [labLabel]: topology.lab },
          DriverConfig: { Name: 'local', Options: {} },
        },
      })),
    };
    this.createOpts = {
      ...this.createOpts,
      StopSignal: 'SIGTERM',
      StopTimeout: 5,
      NetworkingConfig: {
        EndpointsConfig: { [topology.network]: { IPAMConfig: { IPv4Address: node.address } } },
      },
    };
    this.withName(node.container)
      .withHostname(node.name)
      .withNetworkMode(topology.network)
      .withLabels({ [labLabel]: topology.lab, [nodeKeyLabel]: key })
      .withEnvironment({
        KUBECONFIG: node.role === 'worker' ? '/etc/kubernetes/kubelet.conf' : '/etc/kubernetes/admin.conf',
        PATH: '/usr/local/lib/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      })
      .withEntrypoint(['/usr/bin/tini', '--', '/usr/local/lib/lab/entry'])
      .withCopyContentToContainer(files.map(({ target, content, mode }) => ({ target, content, mode })))
      .withPullPolicy(PullPolicy.neverPull())
      .withAutoCleanup(false) // no Ryuk: the lab outlives this process
      .withAutoRemove(false)
      .withDefaultLogDriver()
      .withWaitStrategy(Wait.forSuccessfulCommand('test -d /run/lab').withStartupTimeout(30_000));
  }
}
