import { randomBytes } from 'node:crypto';
import { exchangeAuthorization, startAuthorization } from '@modelcontextprotocol/client';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import type { RequestOutput } from '../../../shared/contract.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { ServerView } from '../../../shared/views.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { ClientIdentity } from '../era.ts';
import { ServerFailure } from '../failure.ts';
import type { OriginSignIn } from '../http/origin-sign-in.ts';
import { type AddressPin, type Reach, reachOf } from '../http/upstream-address.ts';
import type { ServerRecord } from '../servers.ts';
import { type CallbackAnswer, startCallbackListener } from './callback-listener.ts';
import { askChallenge, type Challenge, readChallenge } from './challenge.ts';
import { createKeptTokens } from './kept-tokens.ts';
import { findSignIn, type GivenClient, type Proposal, type SignInConsent, told, urlOf } from './proposal.ts';
import { clientFor } from './registered-client.ts';
import { createSignInFetch } from './sign-in-fetch.ts';
import type { StoredSignIn } from './stored-sign-in.ts';

/** Where the browser goes once the person agreed. */
export type SignInPage = Extract<RequestOutput<'servers.authorize'>, { step: 'browser' }>;

/** Sallyport's own sign-ins at HTTP servers that want one: an OAuth client of its own (`reference/mcp.md` §2, §6). */
export interface SignIns {
  /**
   * Finds out where a server signs people in and what it wants. Nothing is registered, opened or stored by this.
   * @throws SallyportError `authorization_not_offered`, `authorization_refused`, `authorization_unreachable` at hop `server`
   */
  propose(record: ServerRecord, client?: GivenClient): Promise<SignInConsent>;
  /**
   * The person agreed to what {@link propose} showed: registers where needed and waits for the browser.
   * @throws SallyportError `authorization_stale` if that is not what was shown
   */
  begin(record: ServerRecord, agreed: string): Promise<SignInPage>;
  /** Settles when the browser came back and the tokens are stored. @throws SallyportError `authorization_failed` */
  wait(slug: string): Promise<{ readonly scopes: string[] }>;
  /** Ends the sign-in at the authorization server too, as far as it lets us, and forgets the tokens. */
  forget(record: ServerRecord): Promise<void>;
  view(slug: string): ServerView['signIn'];
  /** What the requests to a server carry. */
  forServer(record: ServerRecord): OriginSignIn;
  /** After each change of any view. */
  onChange(listener: () => void): () => void;
  /** When a server was signed in to. */
  onSignedIn(listener: (slug: string) => void): () => void;
  close(): void;
}

/** What {@link createSignIns} needs. */
export interface SignInsDeps {
  readonly secrets: Pick<Secrets, 'get' | 'set' | 'delete'>;
  readonly clock: Clock;
  /** Who we say we are to servers. */
  readonly client: ClientIdentity;
  /** Told how far the address of a server lies, where it is first met here. */
  readonly onReach?: (slug: string, reach: Reach) => void;
  /** Resolves names. Default: the system's resolver. */
  readonly lookup?: AddressPin['lookup'];
}

/** How long a browser may take. */
const patienceMs = 10 * 60_000;
/** A token that ends sooner is renewed before it is used. */
const renewMs = 60_000;

interface Waiting {
  readonly done: Promise<{ readonly scopes: string[] }>;
  readonly cancel: (error: SallyportError) => void;
}

/** Makes the sign-ins; nothing is asked for before somebody wants it. */
export function createSignIns(deps: SignInsDeps): SignIns {
  const { secrets, clock } = deps;
  const challenges = new Map<string, Challenge>();
  /** How far servers lie that were first met here. */
  const met = new Map<string, Reach>();
  const proposals = new Map<string, Proposal>();
  const waiting = new Map<string, Waiting>();
  const states = new Map<string, NonNullable<ServerView['signIn']>>();
  const changeListeners = new Set<() => void>();
  const doneListeners = new Set<(slug: string) => void>();

  const show = (slug: string, view: NonNullable<ServerView['signIn']> | undefined): void => {
    if (view) states.set(slug, view);
    else states.delete(slug);
    for (const listener of changeListeners) listener();
  };
  const distanceOf = (record: ServerRecord): Reach => record.reach ?? met.get(record.slug) ?? literalReach(record);
  const askForChallenge = (record: ServerRecord): Promise<Challenge | undefined> =>
    askChallenge(record, {
      ...deps,
      onReach: (reach) => {
        met.set(record.slug, reach);
        deps.onReach?.(record.slug, reach);
      },
    });
  const fetchFor = (record: ServerRecord) =>
    createSignInFetch({ name: record.name, from: distanceOf(record), ca: caOf(record), lookup: deps.lookup });
  const tokens = createKeptTokens({ secrets, clock, fetchFor });

  const finish = async (
    record: ServerRecord,
    proposal: Proposal,
    begun: { readonly client: StoredSignIn['client']; readonly verifier: string; readonly redirectUrl: string },
    answer: CallbackAnswer,
  ): Promise<{ scopes: string[] }> => {
    if (answer.kind === 'error') {
      const why = visibleText([answer.error, answer.description].filter(Boolean).join(': '), { max: 300 });
      throw new SallyportError('authorization_failed', 'server', `The sign-in for ${record.name} was refused: ${why}.`);
    }
    const granted = await exchangeAuthorization(proposal.authorizationServer, {
      ...(proposal.metadata ? { metadata: proposal.metadata } : {}),
      clientInformation: begun.client,
      authorizationCode: answer.code,
      ...(answer.iss === undefined ? {} : { iss: answer.iss }),
      codeVerifier: begun.verifier,
      redirectUri: begun.redirectUrl,
      ...(proposal.resource === undefined ? {} : { resource: proposal.resource }),
      fetchFn: fetchFor(record),
    });
    const scope = granted.scope ?? proposal.consent.scopes.join(' ');
    await tokens.keep(record.slug, {
      url: urlOf(record),
      issuer: proposal.consent.issuer,
      authorizationServer: proposal.authorizationServer,
      ...(proposal.resource === undefined ? {} : { resource: proposal.resource }),
      client: begun.client,
      accessToken: granted.access_token,
      ...(granted.refresh_token === undefined ? {} : { refreshToken: granted.refresh_token }),
      ...(scope === '' ? {} : { scope }),
      ...(granted.expires_in === undefined ? {} : { expiresAt: clock.now() + granted.expires_in * 1_000 }),
    });
    challenges.delete(record.slug);
    const scopes = scope.split(' ').filter(Boolean);
    show(record.slug, { state: 'authorized', issuer: proposal.consent.issuer, scopes });
    for (const listener of doneListeners) listener(record.slug);
    return { scopes };
  };

  const needed = (record: ServerRecord): void => {
    const before = states.get(record.slug);
    if (before?.state === 'waiting') return;
    show(record.slug, { state: 'needed', ...(before?.issuer === undefined ? {} : { issuer: before.issuer }) });
  };

  return {
    async propose(record, given = {}) {
      const challenge = challenges.get(record.slug) ?? (await askForChallenge(record));
      const proposal = await findSignIn({
        record,
        given,
        challenge,
        from: distanceOf(record),
        fetchFn: fetchFor(record),
      });
      proposals.set(record.slug, proposal);
      return proposal.consent;
    },
    async begin(record, agreed) {
      const proposal = proposals.get(record.slug);
      if (proposal?.consent.digest !== agreed) {
        throw new SallyportError('authorization_stale', 'server', `That is not what ${record.name} asks for now.`, {
          hint: 'Look again at what it asks for.',
        });
      }
      proposals.delete(record.slug);
      waiting.get(record.slug)?.cancel(failed(record, 'another sign-in was begun'));
      const state = randomBytes(32).toString('base64url');
      const { promise: answered, resolve: answer, reject: giveUp } = Promise.withResolvers<CallbackAnswer>();
      let done: Promise<{ scopes: string[] }>;
      const listener = await startCallbackListener(
        state,
        async (given) => {
          answer(given);
          await done;
          return `Sallyport is signed in to ${visibleText(record.name, { max: 80 })}. You can close this page.`;
        },
        proposal.given.port ?? 0,
      ).catch((thrown: unknown) => {
        throw new SallyportError('port_in_use', 'app', `Port ${proposal.given.port} is in use.`, { cause: thrown });
      });
      try {
        const { redirectUrl } = listener;
        const scope = proposal.consent.scopes.join(' ');
        const client = await clientFor(proposal, redirectUrl, fetchFor(record));
        const { authorizationUrl, codeVerifier } = await startAuthorization(proposal.authorizationServer, {
          ...(proposal.metadata ? { metadata: proposal.metadata } : {}),
          clientInformation: client,
          redirectUrl,
          state,
          ...(scope === '' ? {} : { scope }),
          ...(proposal.resource === undefined ? {} : { resource: proposal.resource }),
        });
        const stopTimer = clock.schedule(patienceMs, () =>
          giveUp(failed(record, 'nobody came back within 10 minutes')),
        );
        done = answered
          .then((given) => finish(record, proposal, { client, verifier: codeVerifier, redirectUrl }, given))
          .catch((thrown: unknown) => {
            const error = told(record, thrown);
            if (states.get(record.slug)?.state === 'waiting') show(record.slug, { state: 'needed' });
            throw error;
          })
          .finally(() => {
            stopTimer();
            listener.close();
            if (waiting.get(record.slug)?.done === done) waiting.delete(record.slug);
          });
        done.catch(() => {});
        waiting.set(record.slug, { done, cancel: giveUp });
        show(record.slug, { state: 'waiting', issuer: proposal.consent.issuer, scopes: proposal.consent.scopes });
        const expiresAt = timestamp({ now: () => clock.now() + patienceMs });
        return { step: 'browser', server: record.slug, url: authorizationUrl.href, expiresAt };
      } catch (thrown) {
        listener.close();
        throw told(record, thrown);
      }
    },
    async wait(slug) {
      const found = waiting.get(slug);
      if (found) return { scopes: [...(await found.done).scopes] };
      const view = states.get(slug);
      if (view?.state === 'authorized') return { scopes: [...(view.scopes ?? [])] };
      throw new SallyportError('authorization_failed', 'server', 'No sign-in is under way.', {
        hint: 'Begin one: sallyport servers authorize NAME.',
      });
    },
    async forget(record) {
      waiting.get(record.slug)?.cancel(failed(record, 'it was forgotten'));
      const old = record.target.kind === 'http' ? await tokens.read(record) : undefined;
      await tokens.drop(record.slug);
      challenges.delete(record.slug);
      proposals.delete(record.slug);
      show(record.slug, undefined);
      if (old) await tokens.revoke(record, old).catch(() => {});
    },
    view: (slug) => states.get(slug),
    forServer: (record) => ({
      async bearer() {
        let current = await tokens.read(record);
        const over = current?.expiresAt !== undefined && current.expiresAt - clock.now() < renewMs;
        if (current && over) {
          const good = current.expiresAt !== undefined && current.expiresAt > clock.now();
          // Where it cannot be asked, the old one serves as long as it lasts.
          const renewed = await tokens.renew(record, current).catch((thrown: unknown) => {
            if (good) return undefined;
            throw thrown;
          });
          current = renewed ?? (await tokens.read(record));
        }
        if (current?.accessToken !== undefined && states.get(record.slug) === undefined) {
          const scopes = current.scope?.split(' ') ?? [];
          show(record.slug, { state: 'authorized', issuer: current.issuer, scopes });
        }
        return current?.accessToken;
      },
      async refused(status, header, used, last) {
        const challenge = readChallenge(header);
        const current = await tokens.read(record);
        // Meanwhile renewed for somebody else.
        if (status === 401 && !last && current?.accessToken !== undefined && current.accessToken !== used) return true;
        if (status === 403 && challenge.error !== 'insufficient_scope') return false;
        if (status === 401 && used !== undefined && !last && current && (await tokens.renew(record, current)))
          return true;
        // What was granted before is asked for again with what is missing, or it would be lost.
        const scope = status === 403 ? [current?.scope, challenge.scope].filter(Boolean).join(' ') : challenge.scope;
        challenges.set(record.slug, { ...challenge, ...(scope === undefined ? {} : { scope }) });
        needed(record);
        throw new ServerFailure(
          'server_needs_authorization',
          'needs-authorization',
          status === 403 ? `${record.name} wants you to allow it more.` : `${record.name} wants you to sign in.`,
          { hint: `On its page in Sallyport, or: sallyport servers authorize ${record.slug}.` },
        );
      },
    }),
    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },
    onSignedIn(listener) {
      doneListeners.add(listener);
      return () => doneListeners.delete(listener);
    },
    close() {
      for (const { cancel } of [...waiting.values()]) {
        cancel(new SallyportError('authorization_failed', 'app', 'Sallyport was ended while a sign-in waited.'));
      }
    },
  };
}

/** How far a server lies as far as its address says it. */
function literalReach(record: ServerRecord): Reach {
  const host = new URL(urlOf(record)).hostname.replace(/^\[|\]$/g, '');
  return (host === 'localhost' ? 'machine' : reachOf(host)) ?? 'public';
}

function failed(record: ServerRecord, why: string): SallyportError {
  return new SallyportError('authorization_failed', 'server', `The sign-in for ${record.name} ended: ${why}.`);
}

function caOf(record: ServerRecord): string | undefined {
  return record.target.kind === 'http' ? record.target.ca : undefined;
}
