import type { ReactNode } from 'react';

/** One drawing of the icon set: 16 × 16, line drawn, takes the colour of the text. Always beside words, so hidden. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <g fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round">
        {children}
      </g>
    </svg>
  );
}

export function ServersIcon() {
  return (
    <Icon>
      <rect x="2" y="2.5" width="12" height="4.5" rx="1" />
      <rect x="2" y="9" width="12" height="4.5" rx="1" />
      <path d="M4.6 4.75h.01M4.6 11.25h.01" />
    </Icon>
  );
}

export function RequestsIcon() {
  return (
    <Icon>
      <path d="M2.5 4h11M2.5 8h11M2.5 12h7" />
    </Icon>
  );
}

export function ApprovalsIcon() {
  return (
    <Icon>
      <path d="M8 1.8 13.5 4v3.6c0 3.2-2.2 5.5-5.5 6.6-3.3-1.1-5.5-3.4-5.5-6.6V4z" />
      <path d="m5.7 8 1.7 1.7 3-3.2" />
    </Icon>
  );
}

export function AgentsIcon() {
  return (
    <Icon>
      <circle cx="8" cy="5" r="2.7" />
      <path d="M2.8 13.8c.5-2.9 2.5-4.3 5.2-4.3s4.7 1.4 5.2 4.3" />
    </Icon>
  );
}

export function TunnelIcon() {
  return (
    <Icon>
      <path d="M2 13.5V8a6 6 0 0 1 12 0v5.5" />
      <path d="M5.5 13.5V8.5a2.5 2.5 0 0 1 5 0v5" />
    </Icon>
  );
}

export function SettingsIcon() {
  return (
    <Icon>
      <path d="M2 4.5h6.5M12 4.5h2M2 11.5h2M7.5 11.5H14" />
      <circle cx="10.2" cy="4.5" r="1.7" />
      <circle cx="5.7" cy="11.5" r="1.7" />
    </Icon>
  );
}

/** The mark of the app: a small fortress with its door. */
export function DoorMark() {
  return (
    <svg className="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false">
      <path fill="currentColor" d="M3 21V4.5h3v2h2.5v-2h2.25v2h2.5v-2h2.25v2H18v-2h3V21h-5.5v-5a3.5 3.5 0 0 0-7 0v5z" />
    </svg>
  );
}

export function PauseIcon() {
  return (
    <Icon>
      <path d="M5.5 3.5v9M10.5 3.5v9" />
    </Icon>
  );
}

export function ResumeIcon() {
  return (
    <Icon>
      <path d="M5 3.2v9.6L12.5 8z" />
    </Icon>
  );
}

export function CopyIcon() {
  return (
    <Icon>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.2" />
      <path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />
    </Icon>
  );
}

export function CheckIcon() {
  return (
    <Icon>
      <path d="m3 8.5 3.2 3.2L13 4.5" />
    </Icon>
  );
}

export function CloseIcon() {
  return (
    <Icon>
      <path d="m4 4 8 8M12 4l-8 8" />
    </Icon>
  );
}

export function BackIcon() {
  return (
    <Icon>
      <path d="M10 3 5 8l5 5" />
    </Icon>
  );
}

export function ForwardIcon() {
  return (
    <Icon>
      <path d="m6 3 5 5-5 5" />
    </Icon>
  );
}

export function DownIcon() {
  return (
    <Icon>
      <path d="m3.5 6 4.5 4.5L12.5 6" />
    </Icon>
  );
}

export function AlertIcon() {
  return (
    <Icon>
      <path d="M8 2 14.5 13.5h-13z" />
      <path d="M8 6.5v3.2M8 11.7h.01" />
    </Icon>
  );
}

/** A closed eye (the middle cannot read) or an open one (it can). */
export function EyeIcon({ open }: { open: boolean }) {
  return (
    <Icon>
      {open ? (
        <>
          <path d="M1.5 8C3 5.2 5.3 3.8 8 3.8S13 5.2 14.5 8C13 10.8 10.7 12.2 8 12.2S3 10.8 1.5 8z" />
          <circle cx="8" cy="8" r="1.9" />
        </>
      ) : (
        <path d="M1.5 7C3 9.4 5.3 10.6 8 10.6S13 9.4 14.5 7M4 9.5l-1.2 1.8M8 10.6v2.2M12 9.5l1.2 1.8" />
      )}
    </Icon>
  );
}
