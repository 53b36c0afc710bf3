import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext, Contents } from './build-context.ts';
import type { ComponentOf } from './component-file.ts';
import { runCommand } from './run-command.ts';

const packageList = 'etc/debian-packages';

// Run by mmdebstrap with the root as $1. Each line: name, tab, version.
const recordPackages = {
  // Extracted packages are in no dpkg database: the names of the downloaded files are all there is.
  extract: `mkdir -p "$1/etc" && for deb in "$1"/var/cache/apt/archives/*.deb; do
    file=\${deb##*/}; rest=\${file#*_}; printf '%s\\t%s\\n' "\${file%%_*}" "\${rest%_*}"; done > "$1/${packageList}"`,
  apt: `chroot "$1" dpkg-query -W -f '\${Package}\\t\${Version}\\n' > "$1/${packageList}"`,
} as const;

const pathExcludes = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];

/**
 * Builds a root file system out of Debian packages into `layer.tar`. Which version of a package that is, the archive
 * decides at build time: the key holds suite and package names, the metadata the versions.
 */
export async function buildDebian(component: ComponentOf<'debian'>, context: BuildContext): Promise<Contents> {
  const layer = join(context.work, 'layer.tar');
  const hook = component.variant === 'extract' ? '--extract-hook' : '--customize-hook';
  const dpkgOptions =
    component.variant === 'extract' ? [] : pathExcludes.map((path) => `--dpkgopt=path-exclude=${path}`);
  await runCommand(
    [
      'mmdebstrap',
      `--variant=${component.variant}`,
      '--components=main',
      // An archive mirror that is behind is better than none.
      '--aptopt=Acquire::Check-Valid-Until "false"',
      '--aptopt=APT::Install-Recommends "false"',
      ...dpkgOptions,
      `${hook}=${recordPackages[component.variant]}`,
      // Its text, not its path: without root it runs as a user who may not read the folder.
      `${hook}=${await readFile(join(component.dir, component.hook), 'utf8')}`,
      `--include=${component.packages.join(',')}`,
      component.suite,
      layer,
    ],
    { log: context.log, signal: context.signal },
  );
  const list = await runCommand(['tar', '-xOf', layer, `./${packageList}`], { signal: context.signal });
  return { versions: parsePackageList(list), files: ['layer.tar'], layers: [layer], variables: {} };
}

/** Versions by package name from lines `name<tab>version`, where the version may be URL-encoded as in .deb file names. */
export function parsePackageList(text: string): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [name, version] = line.split('\t');
    if (name && version) versions[name] = decodeURIComponent(version);
  }
  return versions;
}

/** The upstream part of a Debian version: `1:17.6-0+deb13u1` → `17.6`. */
export function upstreamVersion(debianVersion: string): string {
  return debianVersion.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
}
