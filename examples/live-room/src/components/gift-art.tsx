import type { ReactNode } from 'react';

const ART: Record<string, ReactNode> = {
  Rose: (
    <>
      <path d="M24 26v17" stroke="#3fae6a" strokeWidth="3" strokeLinecap="round" />
      <path d="M24 36c5-7 10-6 12-5-1 6-7 8-12 5z" fill="#3fae6a" />
      <path d="M24 28c-8 0-11-6-11-11 0-4 2-8 5-10 1 3 3 4 6 4s5-1 6-4c3 2 5 6 5 10 0 5-3 11-11 11z" fill="#ff3d6e" />
      <path d="M24 24c-4 0-6-3-6-6 3 1 4-2 6-4 2 2 3 5 6 4 0 3-2 6-6 6z" fill="#b3123f" />
    </>
  ),
  'Ice Cream': (
    <>
      <path d="M15 24h18L24 45z" fill="#e0a458" />
      <path d="M18 31l11-7M21 38l10-12M30 31L19 24" stroke="#b97a31" strokeWidth="1.500" />
      <circle cx="18" cy="18" r="8" fill="#ff9ec2" />
      <circle cx="30" cy="18" r="8" fill="#fff0d6" />
      <circle cx="24" cy="11" r="8" fill="#8fe0d0" />
      <circle cx="24" cy="3.500" r="2.500" fill="#ff3d6e" />
    </>
  ),
  Heart: (
    <>
      <path d="M24 43S6 32 6 18A10 10 0 0 1 24 12.500 10 10 0 0 1 42 18c0 14-18 25-18 25z" fill="#ff4f7b" />
      <path d="M13 17a5 5 0 0 1 5-5" stroke="#fff" strokeWidth="3" strokeLinecap="round" fill="none" />
    </>
  ),
  Fireworks: (
    <g strokeWidth="3" strokeLinecap="round">
      <path d="M24 24V8M24 24V40M24 24H8M24 24H40" stroke="#ffc857" />
      <path d="M24 24L13 13M24 24L35 35M24 24L13 35M24 24L35 13" stroke="#ff4f7b" />
      <circle cx="24" cy="24" r="4" fill="#fff" />
      <g fill="#6ea8ff">
        <circle cx="24" cy="3.500" r="2" />
        <circle cx="24" cy="44.500" r="2" />
        <circle cx="3.500" cy="24" r="2" />
        <circle cx="44.500" cy="24" r="2" />
      </g>
    </g>
  ),
  Galaxy: (
    <>
      <circle cx="24" cy="24" r="20" fill="#241a52" />
      <ellipse
        cx="24"
        cy="24"
        rx="17"
        ry="7"
        fill="none"
        stroke="#9b7bff"
        strokeWidth="3"
        transform="rotate(-28 24 24)"
      />
      <ellipse
        cx="24"
        cy="24"
        rx="10"
        ry="4"
        fill="none"
        stroke="#ff8ad8"
        strokeWidth="2.500"
        transform="rotate(-28 24 24)"
      />
      <circle cx="24" cy="24" r="4" fill="#fff3c4" />
      <g fill="#fff">
        <circle cx="14" cy="12" r="1.300" />
        <circle cx="35" cy="35" r="1.300" />
        <circle cx="34" cy="10" r="1" />
        <circle cx="10" cy="33" r="1" />
      </g>
    </>
  ),
  Lion: (
    <>
      <path
        d="M24 4l5 4 6-2 2 6 6 2-2 6 4 5-4 5 2 6-6 2-2 6-6-2-5 4-5-4-6 2-2-6-6-2 2-6-4-5 4-5-2-6 6-2 2-6 6 2z"
        fill="#c5701f"
      />
      <circle cx="24" cy="25" r="13" fill="#ffc464" />
      <circle cx="19" cy="22" r="2" fill="#3b1d06" />
      <circle cx="29" cy="22" r="2" fill="#3b1d06" />
      <path d="M21 28h6l-3 3.500z" fill="#3b1d06" />
      <path d="M24 31.500c0 3-5 3-5 .500M24 31.500c0 3 5 3 5 .500" stroke="#3b1d06" strokeWidth="1.500" fill="none" />
    </>
  ),
};

const PARCEL = (
  <>
    <path d="M7 20h34v23H7z" fill="#ff4f7b" />
    <path d="M5 13h38v9H5z" fill="#ff7d9d" />
    <path d="M21 13h6v30h-6z" fill="#ffc857" />
    <path
      d="M24 13C20 2 9 3 11 9c1 4 8 4 13 4 5 0 12 0 13-4 2-6-9-7-13 4z"
      fill="none"
      stroke="#ffc857"
      strokeWidth="3"
    />
  </>
);

/** The picture of a kind of gift: its own, or a parcel for those that have been added since. */
export function GiftArt({ name, size = 40 }: { name: string; size?: number }) {
  return (
    <svg className="gift-art" viewBox="0 0 48 48" width={size} height={size} aria-hidden="true" focusable="false">
      {ART[name] ?? PARCEL}
    </svg>
  );
}
