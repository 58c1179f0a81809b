import type { Call } from '../../shared/call.ts';
import { leavesOf } from './argument-pieces.ts';

/** What small calls of a session took out since somebody was asked about it. */
export interface SmallPieces {
  /** Pieces of private results that went to other servers, with when. */
  readonly out: Map<string, number>;
  /** What each tool was told last, in order: cut small enough, no piece says anything by itself. */
  readonly said: Map<string, string[]>;
  /** When somebody was asked about it last, milliseconds since the epoch. */
  asked?: number;
}

/** Whether a piece stands in a private result of another server than the call's. */
export type FromElsewhere = (piece: string) => boolean;

/** How long small pieces that went out are counted together, and how many are kept. */
const windowMs = 30 * 60_000;
const mostOut = 200;
const mostTools = 50;
const mostSaid = 40;
/** Longest text that is a part of what several calls say together. */
const longestPart = 60;
/** Characters that several calls together must say, and in how many parts. */
const [togetherLength, togetherParts] = [16, 3];

export function createSmallPieces(): SmallPieces {
  return { out: new Map(), said: new Map() };
}

/** Short values of the arguments that stand in a private result of another server. */
function piecesOf(call: Call, elsewhere: FromElsewhere): readonly string[] {
  const found = new Set<string>();
  for (const { text } of leavesOf(call.arguments)) {
    const piece = text.trim().slice(0, 400);
    if (piece.length >= (/\d/.test(piece) ? 5 : 6) && elsewhere(piece)) found.add(piece);
  }
  return [...found];
}

/** That this call and small ones before it together carry private results out, in words. @param open to who knows whom */
export function takenTogether(
  pieces: SmallPieces,
  call: Call,
  open: boolean,
  elsewhere: FromElsewhere,
): string | undefined {
  const together = saidTogether(pieces, call, elsewhere);
  if (together !== undefined) {
    return `It and calls before it together say ${together} characters of a private result to another server.`;
  }
  const now = piecesOf(call, elsewhere);
  if (now.length === 0) return undefined;
  const since = Date.parse(call.at) - windowMs;
  const before = [...pieces.out].flatMap(([piece, at]) => (at > since ? [piece] : []));
  const all = new Set([...before, ...now]);
  const length = [...all].reduce((sum, piece) => sum + piece.length, 0);
  // Whoever was asked once is asked again sooner.
  const again = pieces.asked !== undefined && pieces.asked > since;
  const [most, characters] = open ? (again ? [1, 20] : [3, 60]) : again ? [4, 120] : [8, 240];
  if (all.size < most && length < characters) return undefined;
  return `It and calls before it took ${all.size} pieces of private results, ${length} characters, to other servers.`;
}

/** How many characters of a private result the newest parts say, one behind the other. */
function saidTogether(pieces: SmallPieces, call: Call, elsewhere: FromElsewhere): number | undefined {
  const now = partsOf(call);
  const parts = [...(pieces.said.get(toolOf(call)) ?? []), ...now];
  if (now.length === 0 || parts.length < togetherParts) return undefined;
  // Word by word takes more of them: three names of a list are looked up one after the other every day.
  for (const [between, fewest] of [
    ['', togetherParts],
    [' ', 2 * togetherParts],
  ] as const) {
    let piece = '';
    for (let at = parts.length - 1, count = 1; at >= 0; at -= 1, count += 1) {
      piece = piece === '' ? (parts[at] ?? '') : `${parts[at]}${between}${piece}`;
      if (count < fewest || piece.length < togetherLength) continue;
      if (elsewhere(piece)) return piece.length;
      break;
    }
  }
  return undefined;
}

/** A reading call is about to run: what it says is counted; where the person was asked about it, counting begins anew. */
export function countPieces(pieces: SmallPieces, call: Call, asked: boolean, elsewhere: FromElsewhere): void {
  if (asked) {
    pieces.asked = Date.parse(call.at);
    pieces.out.clear();
    pieces.said.delete(toolOf(call));
    return;
  }
  const at = Date.parse(call.at);
  for (const piece of piecesOf(call, elsewhere)) pieces.out.set(piece, at);
  for (const oldest of pieces.out.keys()) {
    if (pieces.out.size <= mostOut) break;
    pieces.out.delete(oldest);
  }
  const said = [...(pieces.said.get(toolOf(call)) ?? []), ...partsOf(call)].slice(-mostSaid);
  pieces.said.delete(toolOf(call));
  pieces.said.set(toolOf(call), said);
  for (const oldest of pieces.said.keys()) {
    if (pieces.said.size <= mostTools) break;
    pieces.said.delete(oldest);
  }
}

function partsOf(call: Call): readonly string[] {
  return leavesOf(call.arguments).flatMap(({ text }) => {
    const part = text.trim();
    return part === '' || part.length > longestPart ? [] : [part];
  });
}

function toolOf(call: Call): string {
  return `${call.server}\n${call.name ?? call.method}`;
}
