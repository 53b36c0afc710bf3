import type { FakeApiServer, SeenRequest } from './fake-api-server.ts';
import { reply, status } from './fake-api-server.ts';

type Json = Record<string, unknown>;

/** One object that a fake server keeps by merge patches with optimistic locking. */
export interface StoredObject {
  /** As it is now. */
  current: () => Json;
  /** Patches that were accepted, in order. */
  patches: { path: string; body: Json }[];
  /** Changes it as somebody else would: its version goes up. */
  change: (patch: Json) => void;
  /** Called before each patch is judged. */
  beforePatch: (request: SeenRequest) => void;
}

/**
 * Lets a fake server keep one object: it can be read, and merge patches change it, unless they carry another resource
 * version than it has. For testing what is written and how conflicts are met.
 */
export function storeObject(
  server: FakeApiServer,
  path: string,
  object: Json,
  others: Record<string, Json> = {},
): StoredObject {
  let version = 1;
  let current = merge(object, { metadata: { resourceVersion: '1' } });
  const stored: StoredObject = {
    current: () => current,
    patches: [],
    beforePatch: () => {},
    change: (patch) => {
      current = merge(merge(current, patch), { metadata: { resourceVersion: String(++version) } });
    },
  };
  server.handler = (request, response) => {
    const other = others[request.path];
    if (other !== undefined) {
      reply(response, 200, other);
      return;
    }
    if (request.path !== path && !request.path.startsWith(`${path}/`)) {
      reply(response, 404, status(404, 'NotFound', `${request.path} not found`));
      return;
    }
    if (request.method === 'PATCH') {
      stored.beforePatch(request);
      const body = JSON.parse(request.body) as Json & { metadata?: { resourceVersion?: string } };
      const expected = body.metadata?.resourceVersion;
      if (expected !== undefined && expected !== String(version)) {
        reply(response, 409, status(409, 'Conflict', 'the object has been modified'));
        return;
      }
      stored.change(body);
      stored.patches.push({ path: request.path, body });
    }
    reply(response, 200, current);
  };
  return stored;
}

function merge(target: Json, patch: Json): Json {
  const result: Json = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else if (isObject(value)) result[key] = merge(isObject(result[key]) ? result[key] : {}, value);
    else result[key] = value;
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
