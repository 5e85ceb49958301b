/** A process of its own for one audit, so that its memory is its own, too. */
import pg from 'pg';
import { readArgument, serveCommands } from '../lib/commands.ts';
import { VARIANTS, type VariantName } from './variants.ts';

/** What an audit has taken. */
export type AuditCost = { differences: number; seconds: number; rssMaxMb: number };
export type AuditCommands = { audit: (name: VariantName) => Promise<AuditCost> };

const { databaseUrl } = readArgument<{ databaseUrl: string }>();

serveCommands({
  audit: async (name: VariantName): Promise<AuditCost> => {
    const sql = new pg.Client({ connectionString: databaseUrl });
    await sql.connect();
    try {
      await sql.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const startMs = performance.now();
      const differences = await VARIANTS[name].run(sql);
      const seconds = (performance.now() - startMs) / 1000;
      return { differences, seconds, rssMaxMb: process.resourceUsage().maxRSS / 1024 };
    } finally {
      await sql.end();
    }
  },
} satisfies AuditCommands);
