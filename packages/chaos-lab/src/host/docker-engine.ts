import { createReadStream } from 'node:fs';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

/** The Docker engine did not do what it was asked. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code = 'DOCKER_ENGINE';
}

const pingTimeoutMs = 5000;

/** Where the engine listens: the socket of `DOCKER_HOST=unix://…`, or else Docker's default. */
export function engineSocket(env: NodeJS.ProcessEnv = process.env): string {
  const host = env['DOCKER_HOST'];
  if (!host) return '/var/run/docker.sock';
  if (!host.startsWith('unix://')) {
    throw new EngineError(
      `DOCKER_HOST is ${host}: the lab needs an engine on this machine, that is unix:///path/of/socket`,
    );
  }
  return host.slice('unix://'.length);
}

/**
 * Waits for the engine's answer to a ping.
 * @throws EngineError when it does not answer within 5 s
 */
export async function pingEngine(signal?: AbortSignal): Promise<void> {
  const timeout = AbortSignal.timeout(pingTimeoutMs);
  const { status, body } = await call('GET', '/_ping', {
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (status !== 200) throw new EngineError(`ping: status ${status}: ${body}`);
}

/** Whether the engine has an image of this name and tag. */
export async function hasImage(ref: string, signal?: AbortSignal): Promise<boolean> {
  const { status, body } = await call('GET', `/images/${encodeURIComponent(ref)}/json`, { signal });
  if (status === 404) return false;
  if (status !== 200) throw new EngineError(`image ${ref}: status ${status}: ${body}`);
  return true;
}

/** Names and tags of the engine's images in a repository, `prefix/…`. */
export async function imagesOf(prefix: string, signal?: AbortSignal): Promise<string[]> {
  const { status, body } = await call('GET', '/images/json', { signal });
  if (status !== 200) throw new EngineError(`list of images: status ${status}: ${body}`);
  const images = z.array(z.object({ RepoTags: z.array(z.string()).nullable() })).parse(JSON.parse(body));
  return images.flatMap((image) => image.RepoTags ?? []).filter((tag) => tag.startsWith(`${prefix}/`));
}

/** Removes an image. Returns false when there is none, or when a container uses it. */
export async function removeImage(ref: string, signal?: AbortSignal): Promise<boolean> {
  const { status, body } = await call('DELETE', `/images/${encodeURIComponent(ref)}`, { signal });
  if (status === 404 || status === 409) return false;
  if (status !== 200) throw new EngineError(`removing image ${ref}: status ${status}: ${body}`);
  return true;
}

/** Loads an archive in the format of `docker save`. */
export async function loadImage(archive: string, signal?: AbortSignal): Promise<void> {
  const { status, body } = await call('POST', '/images/load?quiet=1', { signal, file: archive });
  // The engine reports errors of the load inside a 200 answer.
  if (status !== 200 || body.includes('"error"'))
    throw new EngineError(`loading ${archive}: status ${status}: ${body}`);
}

async function call(
  method: string,
  path: string,
  options: { signal?: AbortSignal | undefined; file?: string },
): Promise<{ status: number; body: string }> {
  const outgoing = request({
    socketPath: engineSocket(),
    method,
    path,
    headers: options.file ? { 'content-type': 'application/x-tar' } : {},
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const answer = new Promise<{ status: number; body: string }>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
  });
  try {
    if (options.file) await Promise.all([pipeline(createReadStream(options.file), outgoing), answer]);
    else outgoing.end();
    return await answer;
  } catch (cause) {
    throw new EngineError(
      `Docker engine at ${engineSocket()}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}
