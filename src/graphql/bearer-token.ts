/** The token in an `Authorization` header's value: "Bearer <token>"; undefined without one. */
export function bearerToken(header: unknown): string | undefined {
  return typeof header === 'string' ? /^Bearer\s+(\S+)\s*$/i.exec(header)?.[1] : undefined;
}

/** The token that a WebSocket client sends in connection_init: `{authorization: "Bearer …"}` or `{token: "…"}`. */
export function connectionToken(params: unknown): string | undefined {
  if (typeof params !== 'object' || params === null) return undefined;
  const fields = Object.entries(params);
  const authorization = fields.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  const token = fields.find(([name]) => name === 'token')?.[1];
  return bearerToken(authorization) ?? (typeof token === 'string' ? token : undefined);
}
