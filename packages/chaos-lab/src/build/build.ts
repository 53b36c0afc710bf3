import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureHost, hasImage, HostError, loadImage } from '../host/index.ts';
import type { Progress } from '../progress.ts';
import { architectureOf } from './architecture.ts';
import { ensureArtefact, findArtefact, type Artefact } from './artefact-store.ts';
import { cacheLayout, type CacheLayout } from './cache-dir.ts';
import { buildComponent } from './component-build.ts';
import { planComponents, type PlannedComponent } from './component-plan.ts';
import { contentKey } from './content-key.ts';
import { findGo } from './go-toolchain.ts';
import { imageArchive } from './image-assembly.ts';
import { makeRoom } from './make-room.ts';
import { runGraph } from './run-graph.ts';
import { componentOf, imageNames, type BuildOptions, type BuiltImage, type BuiltLab, type ImageName } from './types.ts';

const kubernetesModule = 'k8s.io/kubernetes';

/**
 * Brings everything that a lab is made of into the cache; what is there is not built again.
 * @throws HostError when the machine cannot build; LabStepError when a build fails
 */
export async function buildComponents(options: Omit<BuildOptions, 'only'>): Promise<BuiltLab> {
  const result = await build(options, imageNames);
  const image = (name: ImageName) => builtImage(name, result);
  const kubernetes = artefactOf(result, 'kubernetes');
  return {
    images: {
      node: image('node'),
      operand: image('operand'),
      operator: image('operator'),
      'chaos-mesh': image('chaos-mesh'),
      'chaos-daemon': image('chaos-daemon'),
      agent: image('agent'),
      client: image('client'),
      coredns: image('coredns'),
      'local-path-provisioner': image('local-path-provisioner'),
      busybox: image('busybox'),
      pause: image('pause'),
    },
    kubernetes: {
      dir: kubernetes.dir,
      version: kubernetes.metadata.versions[kubernetesModule] ?? '',
      key: kubernetes.metadata.key,
    },
    manifests: {
      cnpg: join(artefactOf(result, 'cnpg').dir, 'operator.yaml'),
      chaosMeshCrds: join(artefactOf(result, 'chaos-mesh').dir, 'crds.yaml'),
    },
    key: contentKey(Object.fromEntries([...result.artefacts].map(([name, it]) => [name, it.metadata.key]))),
    cached: result.cached,
    built: result.built,
  };
}

/** Builds some of the images and what they are made of. Errors as `buildComponents`. */
export async function buildImages(options: BuildOptions & { only: readonly ImageName[] }): Promise<BuiltImage[]> {
  const result = await build(options, options.only);
  return options.only.map((name) => builtImage(name, result));
}

/** Builds the PostgreSQL image and loads it into the Docker engine, which is started when none runs (as root). */
export async function buildOperandImage(options: Omit<BuildOptions, 'only'>): Promise<BuiltImage> {
  await ensureHost({ ...options, need: ['engine'] });
  const result = await build(options, ['operand']);
  const image = builtImage('operand', result);
  await image.loaded();
  return image;
}

interface BuildResult {
  artefacts: Map<string, Artefact>;
  cached: string[];
  built: string[];
}

async function build(options: BuildOptions, images: readonly ImageName[]): Promise<BuildResult> {
  const layout = cacheLayout();
  const architecture = architectureOf(process.arch);
  if (process.platform !== 'linux' || !architecture) await ensureHost({ ...options, need: ['images'] }); // throws
  if (!architecture) throw new HostError([`architecture ${process.arch} is not supported`]);

  const planned = await planComponents(images.map(componentOf), architecture);
  const result: BuildResult = { artefacts: new Map(), cached: [], built: [] };
  const missing: PlannedComponent[] = [];
  for (const it of planned) {
    const artefact = await findArtefact(layout, it.component.name, it.key);
    if (artefact) {
      result.artefacts.set(it.component.name, artefact);
      result.cached.push(it.component.name);
    } else missing.push(it);
  }
  if (result.cached.length > 0) await tellCached(options.progress, result.cached, planned.length);
  if (missing.length === 0) return result;

  const compiles = missing.some((it) => it.component.kind === 'go' || it.component.kind === 'c');
  const unpacks = missing.some((it) => it.component.kind === 'debian');
  await ensureHost({
    ...options,
    need: [...(unpacks ? (['images'] as const) : []), ...(compiles ? (['compilers'] as const) : [])],
  });
  await mkdir(layout.logs, { recursive: true });

  let go: Promise<string> | undefined;
  await runGraph(
    missing.map((it) => ({
      name: it.component.name,
      // Two compilations at once only take each other's cores; unpacking Debian packages is mostly waiting.
      lane: it.component.kind,
      needs: it.inputs,
      run: async (signal: AbortSignal) => {
        if (it.component.kind === 'go') await giveUpCacheWhenTight(layout, options.progress);
        const { artefact, cached } = await buildOne(
          it,
          layout,
          { ...options, signal },
          result.artefacts,
          architecture,
          (log) => {
            go ??= findGo(layout, { log, signal, onInstall: (what) => options.progress.note(`installing ${what}`) });
            return go;
          },
        );
        result.artefacts.set(it.component.name, artefact);
        (cached ? result.cached : result.built).push(it.component.name);
      },
    })),
    options.signal,
  );
  await giveUpCacheWhenTight(layout, options.progress);
  return result;
}

async function giveUpCacheWhenTight(layout: CacheLayout, progress: Progress): Promise<void> {
  if (await makeRoom(layout)) progress.note("little disk is left: Go's build cache removed");
}

async function tellCached(progress: Progress, cached: readonly string[], total: number): Promise<void> {
  await progress.step('components', async (step) => {
    step.cached();
    step.detail(cached.length === total ? `all ${total}` : cached.join(' '));
  });
}

async function buildOne(
  planned: PlannedComponent,
  layout: CacheLayout,
  options: BuildOptions,
  inputs: ReadonlyMap<string, Artefact>,
  architecture: 'amd64' | 'arm64',
  go: (log: string) => Promise<string>,
): Promise<{ artefact: Artefact; cached: boolean }> {
  const { component, key } = planned;
  const log = join(layout.logs, `${component.name}-${key.slice(0, 12)}.log`);
  return options.progress.step(
    component.title,
    async (step) => {
      const done = await ensureArtefact(
        layout,
        component.name,
        key,
        async (work) => {
          await rm(log, { force: true });
          return buildComponent(component, key, {
            layout,
            architecture,
            work,
            log,
            step,
            signal: options.signal,
            inputs,
            go: () => go(log),
            note: (text) => options.progress.note(text),
          });
        },
        { signal: options.signal, onWait: (pid) => step.detail(`process ${pid} is building it`) },
      );
      if (done.cached) step.cached();
      else step.detail(describe(done.artefact));
      return done;
    },
    { log },
  );
}

function describe(artefact: Artefact): string {
  const bytes = Object.values(artefact.metadata.files).reduce((sum, size) => sum + size, 0);
  const tag = artefact.metadata.ref?.split('/').pop();
  return [`${Math.round(bytes / 1e6)} MB`, tag].filter(Boolean).join('  ');
}

function artefactOf(result: BuildResult, component: string): Artefact {
  const artefact = result.artefacts.get(component);
  if (!artefact) throw new Error(`component ${component} was not built`);
  return artefact;
}

function builtImage(name: ImageName, result: BuildResult): BuiltImage {
  const { dir, metadata } = artefactOf(result, componentOf(name));
  const { ref, key, versions } = metadata;
  if (!ref) throw new Error(`component ${name} has no image`);
  const archive = join(dir, imageArchive);
  return {
    component: name,
    key,
    ref,
    archive,
    bytes: metadata.files[imageArchive] ?? 0,
    versions,
    loaded: async () => {
      if (!(await hasImage(ref))) await loadImage(archive);
    },
  };
}
