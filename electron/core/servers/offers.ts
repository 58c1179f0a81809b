import type { JsonObject } from '../../shared/json-tree.ts';
import type { ServerView } from '../../shared/views.ts';

/** What a server offers besides tools, as far as it is pinned: prompts by name, templates by address, its instructions. */
export const offerKinds = ['prompt', 'template', 'instructions'] as const;
/** See {@link offerKinds}. */
export type OfferKind = (typeof offerKinds)[number];

/** One thing that a server offers now. */
export interface Offer {
  readonly kind: OfferKind;
  readonly name: string;
  readonly definition: JsonObject;
}

/** An offer that waits for a person: it is new, or not what was approved. */
export type WaitingOffer = NonNullable<ServerView['offers']>[number];

/**
 * Pins of what a server offers besides tools. What is met first, after the server was shared, counts as approved; what comes
 * later is new and off, what differs is blocked, until a person approves it as it is then.
 */
export interface OfferPins {
  /** Takes note of the whole of one kind that a server offers now. */
  observe(server: string, kind: OfferKind, offers: readonly Offer[]): void;
  /** Whether agents may see this very definition. */
  allows(server: string, offer: Offer): boolean;
  /** Whether that name may be used: it is approved, and everything that is offered under it now is what was approved. */
  usable(server: string, kind: OfferKind, name: string): boolean;
  /** Names of that kind that were approved and are something else now. */
  changed(server: string, kind: OfferKind): readonly string[];
  waiting(server: string): readonly WaitingOffer[];
  /** @throws SallyportError `offer_not_found`, `pin_stale` at hop `policy` */
  approve(server: string, kind: OfferKind, name: string, pin: string): void;
  /** Begins anew: what is met next counts as approved. */
  forget(server: string): void;
  /** After each change, with what came to wait by it. */
  onChange(listener: (server: string, came: readonly WaitingOffer[]) => void): () => void;
}
