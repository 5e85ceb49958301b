// Builds the page when it has never been built from what is here now. `npm install` and `npm start` call it: a newcomer finds
// the page without knowing of it, and whoever pulls changes gets them. Where the tools to build are not installed
// (`npm install --omit=dev`) it does nothing: the server then serves what was built elsewhere, or says that there is no page.
// Plain JavaScript, and no more than Node has: it runs before every start.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const room = fileURLToPath(new URL('.', import.meta.url));
const noted = join(room, 'dist', '.built-from');
/** Made from the rest. */
const MADE = new Set(['dist', 'generated', 'node_modules']);

const inputs = fingerprint();
if (!isBuilt() && canBuild()) build();

/** What the page is made of, as one short text. */
function fingerprint() {
  const hash = createHash('sha256');
  const files = ['schema.graphql', 'codegen.ts', 'package-lock.json'].map((name) => join(root, name));
  for (const file of [...files, ...filesIn(room)]) {
    if (existsSync(file)) hash.update(file.slice(root.length)).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesIn(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !MADE.has(name));
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}

function isBuilt() {
  return existsSync(noted) && readFileSync(noted, 'utf8') === inputs;
}

function canBuild() {
  const require = createRequire(import.meta.url);
  return ['vite', '@graphql-codegen/cli'].every((name) => {
    try {
      return require.resolve(`${name}/package.json`) !== undefined;
    } catch {
      return false; // not installed
    }
  });
}

function build() {
  process.stderr.write('Building the live room’s page…\n');
  const shell = process.platform === 'win32';
  const { status, stdout, stderr } = spawnSync('npm', ['run', '-s', 'build:room'], {
    cwd: root,
    encoding: 'utf8',
    shell,
  });
  if (status === 0) writeFileSync(noted, inputs);
  // A page less is no reason not to install or start: the API does not need it.
  else
    process.stderr.write(
      `${stdout}${stderr}\nThe page was not built; the API works without it. Try: npm run build:room\n`,
    );
}
