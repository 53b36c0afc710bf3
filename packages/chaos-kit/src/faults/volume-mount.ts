import { z } from 'zod';

/** Volumes of an instance, as an option. Default: data. */
export const volumeName = z.enum(['data', 'wal']).default('data');

/** Where CloudNativePG mounts the volumes of an instance. Source: `pkg/specs/volumes.go` of version 1.30. */
const mounts = { data: '/var/lib/postgresql/data', wal: '/var/lib/postgresql/wal' } as const;

/** Where a volume is mounted in the container of PostgreSQL. */
export function mountOf(volume: z.output<typeof volumeName>): string {
  return mounts[volume];
}

/** What a fault takes for itself that slows or stops the writes to a volume. */
export function writesOf(volume: z.output<typeof volumeName>, podUid: string): string {
  return `writes of pod ${podUid} to volume ${volume}`;
}
