/** Who is signed in. Ask your identity provider for a new token when the old one runs out, or when the server says that it has. */
export type Session = { token(): Promise<string>; expired(): void };

const MARGIN_MS = 5_000;

/** Keeps a token until it is about to run out. */
export function keepToken(fetchToken: () => Promise<{ token: string; expiresAt: string }>): Session {
  let current: ReturnType<typeof fetchToken> | undefined;
  return {
    async token() {
      current ??= fetchToken();
      const { token, expiresAt } = await current;
      if (Date.parse(expiresAt) - Date.now() > MARGIN_MS) return token;
      current = fetchToken();
      return (await current).token;
    },
    expired() {
      current = undefined;
    },
  };
}
