export { EngineError, engineSocket, hasImage, imagesOf, loadImage, pingEngine, removeImage } from './docker-engine.ts';
export { ensureHost, type EnsureHostOptions } from './ensure-host.ts';
export { freeBytes } from './free-bytes.ts';
export { HostError } from './host-error.ts';
export { neededFreeBytes, planHost, type HostFacts, type HostNeed, type HostPlan } from './host-plan.ts';
