/** Who is signed in. Ask your identity provider for a new token when the old one runs out, or when the server says that it has. */
export type Session = { token(): Promise<string>; expired(): void };

const MARGIN_MS = 5_000;

/** Keeps a token until it is about to run out. All who need a new one share it; one that did not come is asked for again. */
export function keepToken(fetchToken: () => Promise<{ token: string; expiresAt: string }>): Session {
  let current: ReturnType<typeof fetchToken> | undefined;
  const fetched = () => {
    current ??= fetchToken().catch((error) => {
      current = undefined;
      throw error;
    });
    return current;
  };
  return {
    async token() {
      const kept = fetched();
      const { token, expiresAt } = await kept;
      if (Date.parse(expiresAt) - Date.now() > MARGIN_MS) return token;
      if (current === kept) current = undefined;
      return (await fetched()).token;
    },
    expired() {
      current = undefined;
    },
  };
}
