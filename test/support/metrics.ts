/** What a server says at /metrics, as Prometheus would read it. */

/** The text, and its samples by name and labels. */
export type Metrics = { text: string; samples: { name: string; labels: Record<string, string>; value: number }[] };

const LINE = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/i;

/** Reads the metrics of a server, by any address of it. */
export async function readMetrics(url: string): Promise<Metrics> {
  const response = await fetch(new URL('/metrics', url));
  const text = await response.text();
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`);
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = LINE.exec(line) ?? [];
      if (name === undefined) throw new Error(`not a sample: ${line}`);
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/gi)].map(([, key, text]) => [key!, text!]);
      return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
    });
  return { text, samples };
}

/** The value of the one sample with these labels; 0 where there is none. */
export function sample({ samples }: Metrics, name: string, labels: Record<string, string> = {}): number {
  const found = samples.filter(
    (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name}: name more labels`);
  return found[0]?.value ?? 0;
}
