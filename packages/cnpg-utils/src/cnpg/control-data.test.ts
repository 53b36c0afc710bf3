import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { controlData } from './control-data.ts';
import { PsqlError } from './psql.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function answer(text: string): void {
  server.execHandler = (socket) => {
    socket.send(Buffer.concat([Buffer.of(1), Buffer.from(text)]));
    socket.send(Buffer.concat([Buffer.of(3), Buffer.from('{"status":"Success"}')]));
  };
}

test('is told by the names that PostgreSQL uses', async () => {
  answer(`pg_control version number:            1700
Database system identifier:           7711740792432607250
Latest checkpoint's TimeLineID:       3
pg_control last modified:             Tue Nov 24 14:25:58 2026
`);
  await expect(controlData(kube, { namespace: 'team', name: 'db-1' })).resolves.toMatchObject({
    'Database system identifier': '7711740792432607250',
    "Latest checkpoint's TimeLineID": '3',
    'pg_control last modified': 'Tue Nov 24 14:25:58 2026',
  });
});

test('what is no control data is refused', async () => {
  answer('something else\n');
  await expect(controlData(kube, { namespace: 'team', name: 'db-1' })).rejects.toBeInstanceOf(PsqlError);
});
