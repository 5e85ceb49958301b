import { StartError } from './start-error.ts';

/** The oldest Node that Hadiya runs on, major and minor; `engines` in package.json says the same. */
export const NODE_MIN = [20, 19] as const;

/**
 * Ends the start on a Node that is too old, before something that it lacks is missed somewhere.
 * @throws {StartError}
 */
export function checkNodeVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new StartError(`This is Node ${version}: Hadiya needs ${NODE_MIN.join('.')} or newer`);
}
