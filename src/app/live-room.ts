import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import type { Site } from '../server.ts';

/** Where `npm run build:room` puts the page. */
const BUILT_PAGE = fileURLToPath(new URL('../../examples/live-room/dist', import.meta.url));
/** The page's own places, as `examples/live-room/src/routing.tsx` has them: each is answered with the page. */
const PLACES = /^\/(streams\/[^/]+|orders(\/[^/]+)?|wallet|studio)?$/;
/** Where files lie whose names change with their content. */
const HASHED = '/assets/';
const YEAR_SECONDS = 31_536_000;

/** The page loads nothing from elsewhere, runs no script but its own, and is shown in no frame; beside what all answers say. */
const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The live room's page, if it has been built. What is in its folder now is all that is ever served. */
export function createLiveRoom(folder = BUILT_PAGE): Site | undefined {
  if (!existsSync(`${folder}/index.html`)) return undefined;
  const serve = sirv(folder, {
    etag: true,
    brotli: true,
    gzip: true,
    setHeaders: (res, path) => {
      const cached = path.startsWith(HASHED) ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache';
      res.setHeader('Cache-Control', cached);
    },
  });
  return (req, res, path) =>
    new Promise((resolve) => {
      for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value);
      res.once('close', () => resolve(true));
      // Whole files only: they are small, and a wrong range would be one more thing to get right.
      delete req.headers.range;
      req.url = PLACES.test(path) ? '/' : path;
      serve(req, res, () => {
        for (const name of Object.keys(HEADERS)) res.removeHeader(name);
        resolve(false);
      });
    });
}
