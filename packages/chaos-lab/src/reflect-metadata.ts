// @peculiar/x509 finds its parts through tsyringe, which refuses to load without the metadata functions of an old
// decorator proposal. These are the ones that it calls; a full polyfill that is there already stays in place.
interface MetadataFunctions {
  defineMetadata(key: unknown, value: unknown, target: object, property?: PropertyKey): void;
  getOwnMetadata(key: unknown, target: object, property?: PropertyKey): unknown;
  getMetadata(key: unknown, target: object, property?: PropertyKey): unknown;
  hasOwnMetadata(key: unknown, target: object, property?: PropertyKey): boolean;
  metadata(key: unknown, value: unknown): (target: object, property?: PropertyKey) => void;
}

const store = new WeakMap<object, Map<PropertyKey | undefined, Map<unknown, unknown>>>();

const functions: MetadataFunctions = {
  defineMetadata(key, value, target, property) {
    const properties = store.get(target) ?? new Map<PropertyKey | undefined, Map<unknown, unknown>>();
    const entries = properties.get(property) ?? new Map<unknown, unknown>();
    store.set(target, properties.set(property, entries.set(key, value)));
  },
  getOwnMetadata: (key, target, property) => store.get(target)?.get(property)?.get(key),
  hasOwnMetadata: (key, target, property) => store.get(target)?.get(property)?.has(key) ?? false,
  getMetadata(key, target, property) {
    for (let object: object | null = target; object; object = Object.getPrototypeOf(object) as object | null) {
      if (functions.hasOwnMetadata(key, object, property)) return functions.getOwnMetadata(key, object, property);
    }
    return undefined;
  },
  metadata: (key, value) => (target, property) => functions.defineMetadata(key, value, target, property),
};

for (const [name, value] of Object.entries(functions)) {
  if (!(name in Reflect)) Object.defineProperty(Reflect, name, { value, configurable: true, writable: true });
}
