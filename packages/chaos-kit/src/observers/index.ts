export { beginPostMortem, type PostMortem, type PostMortemOptions } from './post-mortem.ts';
export { EventLoopMonitor } from './event-loop.ts';
export { Stalls } from './stalls.ts';
export type { Stall } from './stalls.ts';
