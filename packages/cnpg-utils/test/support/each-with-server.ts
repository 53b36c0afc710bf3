import { afterEach, beforeEach } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { FakeApiServer } from './fake-api-server.ts';

/** Gives each test of a file a fake server of its own and a client for it, and takes both away at its end. */
export function eachWithServer(use: (fresh: { server: FakeApiServer; kube: KubeClient }) => void): void {
  let server: FakeApiServer;
  let kube: KubeClient;
  beforeEach(async () => {
    server = await FakeApiServer.start();
    kube = KubeClient.fromString(server.kubeconfig);
    use({ server, kube });
  });
  afterEach(async () => {
    await kube.close();
    await server[Symbol.asyncDispose]();
  });
}
