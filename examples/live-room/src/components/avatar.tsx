import type { CSSProperties } from 'react';

/** The picture of a person who has none: their initial, on a colour that is always theirs. */
export function Avatar({ name, size = 36 }: { name: string; size?: number }) {
  const style = { '--avatar-hue': hueOf(name), '--avatar-size': `${size}px` } as CSSProperties;
  return (
    <span className="avatar" style={style} aria-hidden="true">
      {[...name][0]}
    </span>
  );
}

/** The hue of somebody's stage: from violet to orange, next to the page's accent. */
export function moodOf(name: string): number {
  return 255 + (hueOf(name) % 125);
}

/** A hue from 0 to 359 that follows from a name. */
export function hueOf(name: string): number {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)!) % 3600;
  return hash % 360;
}
