/** What is written for operators agrees with the code: settings, metrics, alerts, image, compose file, nginx and manifests. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { METRICS } from '../../src/app/metrics.ts';
import { loadConfig } from '../../src/config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFile(join(ROOT, path), 'utf8');
/** Set by whoever runs the image, not by Hadiya. */
const NOT_OURS = new Set(['NODE_ENV', 'POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB']);
/** Metrics of others that alerts may use. */
const FOREIGN_METRICS = new Set(['up', 'nodejs_eventloop_lag_p99_seconds']);

// biome-ignore lint/suspicious/noExplicitAny: manifests have no types here, and a wrong path fails the test
type Manifest = any;

/** The variables that src/config.ts reads. */
async function settings(): Promise<Set<string>> {
  const names = (await read('src/config.ts')).matchAll(/'([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*)'/g);
  const others = ['POST', 'GET'];
  return new Set([...names].map(([, name]) => name!).filter((name) => !others.includes(name)));
}

async function yaml(path: string): Promise<Manifest[]> {
  const documents = [...parseAllDocuments(await read(path))];
  expect(
    documents.flatMap(({ errors }) => errors),
    path,
  ).toEqual([]);
  return documents.map((document) => document.toJS({}));
}

async function manifests(): Promise<Manifest[]> {
  const files = await readdir(join(ROOT, 'deploy/kubernetes'));
  return (await Promise.all(files.map((file) => yaml(`deploy/kubernetes/${file}`)))).flat();
}

/** Rows of the table below a heading, as cells. */
async function tableBelow(heading: string): Promise<string[][]> {
  const section = (await read('docs/operations.md')).split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** A text with the defaults of its variables in their places. */
const defaults = (text: string) => text.replaceAll(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1');
const codeOf = (cell: string | undefined) => cell?.replaceAll('`', '');

describe('docs/operations.md', () => {
  test('has every setting, and no other', async () => {
    const documented = (await tableBelow('Settings')).map(([name]) => codeOf(name));
    expect(documented.toSorted()).toEqual([...(await settings())].sort());
  });

  test('has every metric as it is defined', async () => {
    const documented = (await tableBelow('Metrics')).map(([name, type, labels, help]) => [
      codeOf(name),
      type,
      labels === '–' ? '' : codeOf(labels),
      help,
    ]);
    expect(documented).toEqual(METRICS.map(({ name, type, labels, help }) => [name, type, labels.join(' '), help]));
  });

  test('says what to do at every alert', async () => {
    const [rules] = await yaml('deploy/prometheus/alerts.yaml');
    const alerts = rules.groups.flatMap((group: Manifest) => group.rules).map(({ alert }: Manifest) => alert);
    expect((await tableBelow('Alerts')).map(([name]) => codeOf(name))).toEqual(alerts);
  });

  test('each alert has a case for promtool: it is quiet at first, and fires', async () => {
    const [rules] = await yaml('deploy/prometheus/alerts.yaml');
    const [{ tests }] = await yaml('deploy/prometheus/alerts.test.yaml');
    const cases = tests.flatMap(({ alert_rule_test = [] }: Manifest) => alert_rule_test);
    for (const { alert, labels, annotations } of rules.groups.flatMap((group: Manifest) => group.rules)) {
      const [quiet, firing] = cases.filter(({ alertname }: Manifest) => alertname === alert);
      expect([quiet?.exp_alerts, firing?.exp_alerts?.[0]?.exp_labels], alert).toMatchObject([[], labels]);
      const summary = new RegExp(`^${annotations.summary.replace(/\{\{.*?\}\}/g, '.+')}$`);
      expect(firing.exp_alerts[0].exp_annotations.summary).toMatch(summary);
    }
  });
});

test('alerts ask for metrics that exist, with labels that they have', async () => {
  const [rules] = await yaml('deploy/prometheus/alerts.yaml');
  const known = new Map<string, readonly string[]>();
  for (const { name, type, labels } of METRICS) {
    if (type !== 'histogram') known.set(name, labels);
    else for (const suffix of ['bucket', 'sum', 'count']) known.set(`${name}_${suffix}`, [...labels, 'le']);
  }
  const expressions: string[] = rules.groups
    .flatMap((group: Manifest) => group.rules)
    .map(({ expr }: Manifest) => expr);
  expect(expressions.length).toBeGreaterThan(10);
  for (const expr of expressions) {
    const used = [...expr.matchAll(/\b(hadiya_\w+|nodejs_\w+|process_\w+|up)\b(?:\{([^}]*)\})?/g)];
    expect(used.length, expr).toBeGreaterThan(0);
    for (const [, name, selector = ''] of used) {
      if (FOREIGN_METRICS.has(name!)) continue;
      expect([...known.keys()], expr).toContain(name);
      for (const [, label] of selector.matchAll(/(\w+)=/g)) expect(known.get(name!), expr).toContain(label);
    }
  }
});

describe('compose.yaml', () => {
  test('two servers with the same settings, all of which exist, and images by their versions', async () => {
    const [compose] = await yaml('compose.yaml');
    const known = await settings();
    const { services } = compose;
    for (const name of ['hadiya-1', 'hadiya-2']) {
      // The merge key is read by Compose; what it refers to is the same object.
      for (const variable of Object.keys(services[name].environment))
        expect([...known, ...NOT_OURS]).toContain(variable);
      expect(services[name].read_only).toBe(true);
      // Both read the secrets that one of them made.
      expect(services[name].volumes).toEqual(['secrets:/data']);
    }
    for (const service of Object.values<Manifest>(services)) expect(service.restart).toBe('unless-stopped');
    for (const { image, build } of Object.values<Manifest>(services)) {
      if (!build) expect(image).toMatch(/:v?\d+\.\d+/);
    }
    const mounts = Object.values<Manifest>(services).flatMap(({ volumes = [] }) => volumes as string[]);
    for (const mount of mounts.filter((text) => text.startsWith('./'))) await stat(join(ROOT, mount.split(':')[0]!));
    const [targets] = await yaml('deploy/prometheus/prometheus.yaml');
    expect(targets.scrape_configs[0].static_configs[0].targets).toEqual(['hadiya-1:9464', 'hadiya-2:9464']);
    expect(services['hadiya-1'].environment.METRICS_PORT).toBe('9464');
    const nginx = await read('deploy/nginx/nginx.conf');
    // Looked up again and again: a container that starts anew may have another address.
    for (const name of ['hadiya-1', 'hadiya-2'])
      expect(nginx).toContain(`server ${name}:${services[name].environment.PORT} resolve`);
    const port = /listen (\d+)/.exec(nginx)![1];
    expect(services.balancer.ports).toEqual([`\${PUBLISH_ON:-127.0.0.1}:4000:${port}`]);
  });

  test('needs no setting: as it stands it is a demo, which nobody but this machine gets to', async () => {
    const text = await read('compose.yaml');
    const [{ services }] = await yaml('compose.yaml');
    const variables = [...text.matchAll(/(?<!\$)\$\{([^}]*)\}/g)].map(([, inside]) => inside!);
    expect(variables.length).toBeGreaterThan(5);
    for (const variable of variables) expect(variable).toMatch(/^[A-Z_]+:-/);
    // What Compose makes of it where nothing is set.
    const env = Object.entries<string>(services['hadiya-1'].environment).map(([name, value]) => [
      name,
      defaults(value),
    ]);
    expect(loadConfig(Object.fromEntries(env))).toMatchObject({
      auth: { mode: 'demo' },
      trustProxy: 1,
      simulate: false,
    });
    const published = Object.values<Manifest>(services).flatMap(({ ports = [] }) => (ports as string[]).map(defaults));
    expect(published.length).toBeGreaterThan(0);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/);
  });
});

describe('nginx', () => {
  test('passes on what browsers and streams need, and keeps connections for less long than a server does', async () => {
    const nginx = await read('deploy/nginx/nginx.conf');
    // `$host` has no port, and the page's own Origin would be another's.
    for (const line of [
      'proxy_set_header Host $http_host;',
      'proxy_set_header X-Forwarded-For $remote_addr;',
      'proxy_set_header Upgrade $http_upgrade;',
      'zone hadiya',
      'proxy_buffering off;',
      // Not `non_idempotent`: a mutation is the client's to repeat.
      'proxy_next_upstream error timeout;',
    ])
      expect(nginx).toContain(line);
    const [, keptSeconds] = /keepalive_timeout (\d+)s;/.exec(nginx)!;
    const [, keptMs] = /KEEP_ALIVE_TIMEOUT_MS = ([\d_]+);/.exec(await read('src/server.ts'))!;
    expect(Number(keptSeconds) * 1000).toBeLessThan(Number(keptMs!.replaceAll('_', '')));
  });
});

describe('Kubernetes', () => {
  test('settings exist, ports and paths agree, and a pod has time to drain', async () => {
    const all = await manifests();
    const known = await settings();
    const deployment = all.find(({ kind }) => kind === 'Deployment');
    const { spec } = deployment.spec.template;
    const [container] = spec.containers;
    const env = new Map<string, string>(container.env.map(({ name, value }: Manifest) => [name, value]));
    const secret = all.find(({ kind }) => kind === 'Secret');
    for (const name of [...env.keys(), ...Object.keys(secret.stringData)]) expect([...known]).toContain(name);
    const ports = new Map<string, number>(container.ports.map((port: Manifest) => [port.name, port.containerPort]));
    expect([ports.get('http'), ports.get('metrics')].map(String)).toEqual([env.get('PORT'), env.get('METRICS_PORT')]);
    const server = await read('src/server.ts');
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const { path, port } = container[probe].httpGet;
      expect(server).toContain(`path === '${path}'`);
      expect(ports.has(port)).toBe(true);
    }
    const preStopMs = Number(container.lifecycle.preStop.exec.command[1]) * 1000;
    const drainMs = Number(env.get('DRAIN_DELAY_MS')) + Number(env.get('DRAIN_SPREAD_MS')) + 10_000 + 1_500;
    expect(preStopMs + drainMs).toBeLessThan(spec.terminationGracePeriodSeconds * 1000);
    expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    // Which servers there are is the autoscaler's; a start that waits for a lock or a long migration is not killed.
    expect(deployment.spec).not.toHaveProperty('replicas');
    const { path, periodSeconds, failureThreshold } = { ...container.startupProbe, ...container.startupProbe.httpGet };
    expect({ path, waits: periodSeconds * failureThreshold >= 300 }).toEqual({ path: '/health', waits: true });
    // A secret of its own that a pod makes and forgets is worse than none.
    const mounted = container.volumeMounts.find(({ mountPath }: Manifest) => mountPath === '/data');
    expect(mounted).toMatchObject({ readOnly: true });
    for (const mount of container.volumeMounts) {
      expect(spec.volumes.map(({ name }: Manifest) => name)).toContain(mount.name);
    }
  });

  test('what selects pods selects ours, and what refers to another names it', async () => {
    const all = await manifests();
    const labels = all.find(({ kind }) => kind === 'Deployment').spec.template.metadata.labels;
    const services = all.filter(({ kind }) => kind === 'Service');
    for (const { spec } of services) expect(spec.selector).toEqual(labels);
    for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
      const { spec } = all.find((one) => one.kind === kind);
      expect((spec.selector ?? spec.podSelector).matchLabels).toEqual(labels);
    }
    expect(all.find(({ kind }) => kind === 'HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe('hadiya');
    const backend = all.find(({ kind }) => kind === 'Ingress').spec.rules[0].http.paths[0].backend.service;
    const service = services.find(({ metadata }) => metadata.name === backend.name);
    expect(service.spec.ports.map(({ name }: Manifest) => name)).toEqual([backend.port.name]);
    const monitor = all.find(({ kind }) => kind === 'ServiceMonitor').spec;
    const metrics = services.find(({ metadata }) => metadata.name === 'hadiya-metrics');
    expect(metrics.metadata.labels).toMatchObject(monitor.selector.matchLabels);
    const kustomization = all.find(({ kind }) => kind === 'Kustomization');
    const files = await readdir(join(ROOT, 'deploy/kubernetes'));
    const others = ['kustomization.yaml', 'secret.example.yaml'];
    expect(kustomization.resources.toSorted()).toEqual(files.filter((file) => !others.includes(file)).sort());
  });

  test('the example of the Secret holds none', async () => {
    const secret = (await manifests()).find(({ kind }) => kind === 'Secret');
    for (const [name, value] of Object.entries<string>(secret.stringData)) {
      if (/SECRET|KEY/.test(name)) expect(value).toBe('');
    }
  });
});

describe('package-lock.json', () => {
  test('has for linux/arm64 each native package that it has for linux/amd64: the image builds on both', async () => {
    const { packages } = JSON.parse(await read('package-lock.json'));
    const names = Object.keys(packages);
    const amd64 = names.filter((name) => /[-/]linux-x64(-gnu)?$/.test(name));
    expect(amd64.length).toBeGreaterThan(3);
    for (const name of amd64) expect(names).toContain(name.replace('linux-x64', 'linux-arm64'));
  });
});

describe('Dockerfile', () => {
  test('copies what is there, sets what exists, pins its base, and runs as nobody special', async () => {
    const dockerfile = (await read('Dockerfile')).replaceAll('\\\n', '');
    const lines = dockerfile.split('\n').filter((line) => /^[A-Z]+ /.test(line));
    const stages = new Set<string>();
    for (const line of lines.filter((text) => text.startsWith('FROM '))) {
      const [, image, , name] = line.split(/\s+/);
      if (!stages.has(image!)) expect(image).toMatch(/:\d+\.\d+/);
      if (name) stages.add(name);
    }
    const ignored = (await read('.dockerignore')).split('\n').filter(Boolean);
    for (const line of lines.filter((text) => text.startsWith('COPY '))) {
      const parts = line.split(/\s+/).slice(1);
      const from = parts[0]!.startsWith('--from=') ? parts.shift()!.slice(7) : undefined;
      if (from) expect([...stages]).toContain(from);
      for (const source of parts.slice(0, -1)) {
        const path = source.replace(/^\/app\//, '');
        // These are made in earlier stages.
        if (from && /^(node_modules|examples\/live-room\/(dist|src\/generated\/.*))$/.test(path)) continue;
        await stat(join(ROOT, path));
        expect(ignored).not.toContain(path);
      }
    }
    const known = await settings();
    for (const [, pairs] of dockerfile.matchAll(/^ENV (.*)$/gm)) {
      for (const pair of pairs!.split(' ')) expect([...known, ...NOT_OURS]).toContain(pair.split('=')[0]);
    }
    // A number: by a name Kubernetes cannot tell that it is not root.
    expect(lines.indexOf('USER 1000:1000')).toBeGreaterThan(0);
    expect(lines.at(-1)).toBe('CMD ["node", "--import", "tsx", "src/main.ts"]');
  });
});
