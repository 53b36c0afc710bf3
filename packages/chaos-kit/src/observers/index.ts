export { EventLoopMonitor } from './event-loop.ts';
export type { Stall } from './event-loop.ts';
