/** setTimeout holds no more: a token that lasts longer is looked at again. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Calls `expire` once when the time has come, however far away. Does not keep the process alive. Returns what cancels it. */
export function atExpiry(expiresAt: Date, expire: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = () => {
    const remainingMs = Math.max(expiresAt.getTime() - Date.now(), 0);
    timer = remainingMs > TIMER_MS_MAX ? setTimeout(arm, TIMER_MS_MAX) : setTimeout(expire, remainingMs);
    timer.unref();
  };
  arm();
  return () => clearTimeout(timer);
}
