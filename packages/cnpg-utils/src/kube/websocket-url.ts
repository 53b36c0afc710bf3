/** URL of a call to the API server that becomes a WebSocket. */
export function websocketUrl(server: string, path: string, query: readonly (readonly [string, string])[]): string {
  const url = new URL(`${server}${path}`);
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  for (const [name, value] of query) url.searchParams.append(name, value);
  return url.href;
}
