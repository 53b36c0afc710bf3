import { clientNode, type ClientNode } from './client-node.ts';

// The generated models say which fields are dates. Only those are converted; everything else stays as the API server
// sent it, so that fields which this client is too old to know survive a read-modify-write.

interface Attribute {
  baseName: string;
  type: string;
}

const attributesOf = new Map<string, readonly Attribute[] | undefined>();

function modelAttributes(type: string): readonly Attribute[] | undefined {
  if (attributesOf.has(type)) return attributesOf.get(type);
  const model: unknown = Reflect.get(clientNode(), type);
  const attributes =
    typeof model === 'function' && 'getAttributeTypeMap' in model && typeof model.getAttributeTypeMap === 'function'
      ? toAttributes((model.getAttributeTypeMap as () => unknown)())
      : undefined;
  attributesOf.set(type, attributes);
  return attributes;
}

function toAttributes(list: unknown): readonly Attribute[] | undefined {
  return Array.isArray(list) ? (list as Attribute[]) : undefined;
}

const BUILT_IN_GROUP = /^(?:[a-z]+|[a-z.]+\.k8s\.io)$/;

function modelName(apiVersion: string, kind: string): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['core', apiVersion];
  if (version === undefined || group === undefined || !BUILT_IN_GROUP.test(group)) return 'KubernetesObject';
  const name = `${version.charAt(0).toUpperCase()}${version.slice(1)}${kind}`;
  if (kind === 'Event') return group === 'core' ? 'CoreV1Event' : 'EventsV1Event';
  return modelAttributes(name) === undefined ? 'KubernetesObject' : name;
}

/**
 * Converts the timestamps of an object, in place, to what client-node's types promise: `Date`, or `V1MicroTime`
 * (which keeps its microseconds when written back). Custom kinds get this for their metadata only; their own
 * timestamps stay text.
 */
export function reviveDates(apiVersion: string, kind: string, object: Record<string, unknown>): void {
  const model = modelName(apiVersion, kind);
  if (model === 'KubernetesObject') reviveField(object, 'metadata', 'V1ObjectMeta');
  else reviveModel(object, model);
}

function reviveModel(object: Record<string, unknown>, model: string): void {
  for (const { baseName, type } of modelAttributes(model) ?? []) {
    if (baseName in object) reviveField(object, baseName, type);
  }
}

const ARRAY = /^Array<(?<item>.+)>$/;
const DICTIONARY = /^\{ \[key: string\]: (?<item>.+); \}$/;

function reviveField(holder: Record<string, unknown>, field: string, type: string): void {
  const value = holder[field];
  if (value === null || value === undefined) return;
  if (typeof value === 'string') {
    if (type === 'Date') holder[field] = new Date(value);
    else if (type === 'V1MicroTime') holder[field] = microTime(value);
    return;
  }
  if (typeof value !== 'object') return;
  const item = ARRAY.exec(type)?.groups?.['item'] ?? DICTIONARY.exec(type)?.groups?.['item'];
  if (item === undefined) {
    if (isRecord(value)) reviveModel(value, type);
    return;
  }
  const items = value as Record<string, unknown>;
  for (const key of Object.keys(items)) reviveField(items, key, item);
}

function isRecord(value: object): value is Record<string, unknown> {
  return !Array.isArray(value);
}

type MicroTimeClass = new (text: string) => InstanceType<ClientNode['V1MicroTime']>;

let microTimeClass: MicroTimeClass | undefined;

function microTime(text: string): Date {
  microTimeClass ??= defineMicroTime(clientNode());
  return new microTimeClass(text);
}

// A Date holds milliseconds only, so a Lease would come back with its last three digits lost.
function defineMicroTime({ V1MicroTime }: ClientNode): MicroTimeClass {
  return class MicroTime extends V1MicroTime {
    readonly #text: string;

    constructor(text: string) {
      super(text);
      this.#text = text;
    }

    override toISOString(): string {
      const digits = /\.(?<fraction>\d{1,6})/.exec(this.#text)?.groups?.['fraction'] ?? '';
      const atParse = new Date(this.#text).getTime();
      // Changed since it was read: the text no longer speaks for it.
      if (atParse !== this.getTime()) return super.toISOString();
      return `${new Date(atParse).toISOString().slice(0, 19)}.${digits.padEnd(6, '0')}Z`;
    }
  };
}
