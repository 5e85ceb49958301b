/** Pages of the documentation that show files as they are. `node --import tsx test/support/embed.ts docs/clients.md` writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
/** A link to a file, and the block below it. */
const BLOCK = /^\[(\S+)\]\(\.\.\/\1\)\n\n```(\w+)\n(?:[\s\S]*?\n)??```$/gm;

/** The page with the files as they are now. */
export function embed(page: string): string {
  return page.replace(BLOCK, (_block, path: string, language: string) => {
    const file = readFileSync(new URL(path, ROOT), 'utf8').trimEnd();
    return `[${path}](../${path})\n\n\`\`\`${language}\n${file}\n\`\`\``;
  });
}

const [, script, page] = process.argv;
if (page && script === fileURLToPath(import.meta.url)) writeFileSync(page, embed(readFileSync(page, 'utf8')));
