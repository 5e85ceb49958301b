/** What relay's plugin for babel does, as a plugin of Vite: a `graphql` literal becomes the artifact that relay-compiler made of it. */
import type { Plugin } from 'vite';

const LITERAL = /\bgraphql`\s*(?:query|mutation|subscription|fragment)\s+(\w+)[^`]*`/g;

/** Only files that import `graphql` from relay-runtime are touched. */
export function relayArtifacts(): Plugin {
  return {
    name: 'relay-artifacts',
    enforce: 'pre',
    transform(code) {
      if (!/import \{[^}]*\bgraphql\b[^}]*\} from 'relay-runtime'/.test(code)) return undefined;
      const imports: string[] = [];
      const replaced = code.replace(LITERAL, (_literal, name: string) => {
        imports.push(`import ${name}$artifact from './__generated__/${name}.graphql.ts';`);
        return `${name}$artifact`;
      });
      return { code: `${imports.join(' ')} ${replaced}`, map: null };
    },
  };
}
