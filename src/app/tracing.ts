import { type Span as OtelSpan, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { Span, Tracer } from '../kernel/instruments.ts';

/** How long what was not sent yet may take to be sent when the server stops. */
const SHUTDOWN_MS_MAX = 1_500;

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  internal: SpanKind.INTERNAL,
} as const;

/** Traces that are sent. */
export type Tracing = {
  tracer: Tracer;
  /** Sends what is left, and ends. Never takes long and never fails: a collector that is away harms nothing. */
  shutdown: () => Promise<void>;
};

/**
 * Starts OpenTelemetry as its standard variables say (OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, …). One in a
 * process. This module is loaded only where traces are switched on.
 */
export function startTracing(env: NodeJS.ProcessEnv): Tracing {
  env.OTEL_SERVICE_NAME ??= 'hadiya';
  // Metrics are Prometheus's, and logs go to stdout, unless somebody says otherwise.
  env.OTEL_METRICS_EXPORTER ??= 'none';
  env.OTEL_LOGS_EXPORTER ??= 'none';
  const sdk = new NodeSDK({ instrumentations: [] });
  sdk.start();
  const otel = trace.getTracer('hadiya');
  const tracer: Tracer = {
    start: (name, { kind = 'internal', parent, links = [], attributes = {} }) => {
      const context =
        parent instanceof StartedSpan
          ? trace.setSpan(ROOT_CONTEXT, parent.otel)
          : typeof parent === 'string'
            ? propagation.extract(ROOT_CONTEXT, { traceparent: parent })
            : ROOT_CONTEXT;
      const linked = links.flatMap((link) =>
        link instanceof StartedSpan ? [{ context: link.otel.spanContext() }] : [],
      );
      return new StartedSpan(otel.startSpan(name, { kind: KINDS[kind], attributes, links: linked }, context));
    },
  };
  return {
    tracer,
    shutdown: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, SHUTDOWN_MS_MAX);
      });
      await Promise.race([sdk.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

class StartedSpan implements Span {
  constructor(readonly otel: OtelSpan) {}

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.otel.spanContext();
    return `00-${traceId}-${spanId}-0${traceFlags & 1}`;
  }

  set(name: string, value: string | number): void {
    this.otel.setAttribute(name, value);
  }

  end(error?: unknown): void {
    // Its message may hold what a row holds.
    if (error !== undefined)
      this.otel.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error)?.name ?? 'Error' });
    this.otel.end();
  }
}
