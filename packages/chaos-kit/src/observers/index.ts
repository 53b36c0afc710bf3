export { beginPostMortem, type PostMortem, type PostMortemOptions } from './post-mortem.ts';
export { EventLoopMonitor } from './event-loop.ts';
export { Stalls } from './stalls.ts';
export type { Stall } from './stalls.ts';
export { readObservations } from './observation-file.ts';
export type { Observations } from './observation-file.ts';
export { Observers } from './observers.ts';
export type { ObserversOptions } from './observers.ts';
