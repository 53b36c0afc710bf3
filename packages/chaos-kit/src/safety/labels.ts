/** A namespace with this label set to `"true"` may be broken. */
export const enabledLabel = 'cnpg-chaos/enabled';
/** Carried by everything that the kit creates. */
export const managedByLabels = { 'app.kubernetes.io/managed-by': 'cnpg-chaos' } as const;
/** Id of the run that created an object. */
export const runLabel = 'cnpg-chaos/run';
/** Id of the experiment that created an object. */
export const experimentLabel = 'cnpg-chaos/experiment';
/** Name of the fault that an object belongs to. */
export const faultLabel = 'cnpg-chaos/fault';
/** Profile of a cluster that the kit created. */
export const profileLabel = 'cnpg-chaos/profile';
/** Hash of the manifest that a cluster was created from. */
export const manifestHashAnnotation = 'cnpg-chaos/manifest-hash';
