import type { KubernetesObject } from '@kubernetes/client-node';
import { reply, status, type FakeApiServer } from './fake-api-server.ts';

/**
 * Lets a fake server hand out fixed objects by path: a path that was given an array is a list, any other an object,
 * all others are 404. For testing how answers are judged, not how Kubernetes behaves.
 */
export function serveObjects(
  server: FakeApiServer,
  objects: Record<string, KubernetesObject | KubernetesObject[]>,
): void {
  server.handler = (request, response) => {
    const found = objects[request.path];
    if (found === undefined) reply(response, 404, status(404, 'NotFound', `${request.path} not found`));
    else if (Array.isArray(found)) reply(response, 200, { metadata: { resourceVersion: '1' }, items: found });
    else reply(response, 200, found);
  };
}
