/** Strokes on a grid of 24, drawn here so that they look the same everywhere. */
const STROKES = {
  coin: 'M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7v10M9.5 9.2h4a1.9 1.9 0 0 1 0 3.8h-3a1.9 1.9 0 0 0 0 3.8h4',
  heart: 'M12 20S4 15.2 4 9.4A4.4 4.4 0 0 1 12 7a4.4 4.4 0 0 1 8 2.4C20 15.2 12 20 12 20z',
  gift: 'M4 11h16v9H4zM3 7.5h18V11H3zM12 7.5V20M12 7.5C10.5 3 6 3.2 6.5 5.6 6.9 7.4 10 7.5 12 7.5c2 0 5.100-.1 5.500-1.900C18 3.200 13.500 3 12 7.500z',
  send: 'M4 12l16-8-5.500 16-3-6.500zM11.500 13.500L20 4',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.500l4.500 4.500L19 7',
  shield: 'M12 3l8 3v6c0 4.500-3.300 7.700-8 9-4.700-1.300-8-4.500-8-9V6zM8.500 12l2.500 2.500 4.500-5',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  truck: 'M3 7h11v9H3zM14 10h4l3 3v3h-7zM7 16a2 2 0 1 0 0 4a2 2 0 1 0 0-4M17.500 16a2 2 0 1 0 0 4a2 2 0 1 0 0-4',
  clock: 'M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8v4.500l3 1.500',
  eye: 'M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9.500a2.500 2.500 0 1 0 0 5a2.500 2.500 0 1 0 0-5',
  star: 'M12 4l2.400 5 5.600.700-4.100 3.800 1.100 5.500L12 16.300 7 19l1.100-5.500L4 9.700 9.600 9z',
  flame:
    'M12 21c-4 0-6.500-2.600-6.500-6 0-3.800 3.200-5.200 3.800-9.500 2.500 1 3.500 3 3.700 4.700 1-.500 1.500-1.500 1.500-2.700 2.300 1.800 4 4.300 4 7.500 0 3.400-2.500 6-6.500 6z',
  swords: 'M5 4l11 11M19 4L8 15M4.500 14.500l5 5M14.500 19.500l5-5M7 17l-3 3M17 17l3 3',
  target: 'M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 11.500v1',
  box: 'M4 9h16v11H4zM4 9l2.500-4h11L20 9M12 5v4M9.500 13h5',
  bag: 'M5 8h14l1 12H4zM8.500 8V7a3.500 3.500 0 0 1 7 0v1',
  pin: 'M9 3h6l-1 6 4 4H6l4-4zM12 13v8',
  plus: 'M12 5v14M5 12h14',
  undo: 'M8 5L4 9l4 4M4 9h10a5.500 5.500 0 0 1 0 11h-3',
  mute: 'M4 5h16v11H11l-4 4v-4H4zM9.500 8l5 5M14.500 8l-5 5',
  chat: 'M4 5h16v11H11l-4 4v-4H4z',
} as const;

export type IconName = keyof typeof STROKES;

/** A small picture beside a text. It says nothing by itself. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={STROKES[name]} />
    </svg>
  );
}
