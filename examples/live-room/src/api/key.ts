/** A new idempotency key: one for each thing that a person wants, kept for as long as they want it. */
export function newKey(): string {
  // randomUUID is for secure pages only, and a demo on a home network is not one.
  const words = crypto.getRandomValues(new Uint32Array(4));
  return [...words].map((word) => word.toString(36)).join('-');
}
