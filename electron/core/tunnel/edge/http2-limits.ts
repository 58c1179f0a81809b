import type { ServerSessionOptions, Settings } from 'node:http2';
import { maxStreams, sessionWindow, streamWindow } from './protocol.ts';

/**
 * Node's own abuse limits are made for one browser per session. Here all strangers share one session, so a limit that
 * ends the session would let one of them end everybody's (`security.md` S1). They are put out of reach; what takes their
 * place is counted per source and per tunnel at the edge (`admission.ts`).
 */
const outOfReach = 0x7fff_ffff;

/**
 * Megabytes that one session may hold. Above what flow control allows (streams × stream window = 256 MiB, plus what the
 * session window lets the peer have in flight), so that it never ends a session that only has slow readers.
 */
const sessionMemory = 512;

const settings: Settings = {
  enablePush: false,
  initialWindowSize: streamWindow,
  maxConcurrentStreams: maxStreams,
  maxHeaderListSize: 8_192,
};

/** Options of `http2.connect` at the edge. */
export const edgeSessionOptions = {
  settings: { ...settings, maxConcurrentStreams: 0 },
  peerMaxConcurrentStreams: maxStreams,
  maxSessionMemory: sessionMemory,
  maxHeaderListPairs: 32,
  maxSessionRejectedStreams: outOfReach,
  maxSessionInvalidFrames: 1_000,
} as const;

/** Options of `http2.performServerHandshake` at the connector. */
export const connectorSessionOptions: ServerSessionOptions = {
  settings,
  maxSessionMemory: sessionMemory,
  maxHeaderListPairs: 32,
  maxSessionRejectedStreams: outOfReach,
  maxSessionInvalidFrames: 1_000,
  streamResetBurst: outOfReach,
  streamResetRate: outOfReach,
};

/** Bytes that one end may have waiting for its socket: more than flow control lets any honest peer cause. */
export const maxUnsent = 2 * sessionWindow;
