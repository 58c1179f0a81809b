import { useSyncExternalStore } from 'react';

/** The pages of the rail, in its order. */
export const pages = ['servers', 'requests', 'approvals', 'agents', 'tunnel', 'settings'] as const;
/** See {@link pages}. */
export type Page = (typeof pages)[number];

/** Where the window is: a page with the thing opened on it, or a prompt in a window of its own. */
export type Route =
  | { readonly page: Page; readonly item: string | undefined }
  | { readonly page: 'start' | 'doctor' | 'rules' | 'review'; readonly item: undefined }
  | { readonly page: 'prompt'; readonly item: string };

/** Reads `#/page/item`; anything else is the first page, never an error: links from outside may say what they like. */
export function parseRoute(hash: string): Route {
  const [, page, rawItem] = /^#\/([a-z]+)(?:\/([^/?#]+))?/.exec(hash) ?? [];
  let item: string | undefined;
  try {
    item = rawItem === undefined ? undefined : decodeURIComponent(rawItem);
  } catch {
    item = undefined;
  }
  if (page === 'prompt' && item !== undefined) return { page, item };
  if (page === 'start' || page === 'doctor' || page === 'rules' || page === 'review') return { page, item: undefined };
  const known = pages.find((name) => name === page);
  return known ? { page: known, item } : { page: 'servers', item: undefined };
}

/** The page of the rail that each page without one of its own belongs to. */
const homes: Readonly<Record<string, Page>> = {
  start: 'servers',
  doctor: 'tunnel',
  rules: 'approvals',
  review: 'approvals',
};

/** Which page of the rail is marked. */
export function railPage(route: Route): string {
  return homes[route.page] ?? route.page;
}

/** The link to a page, or to one thing on it. */
export function linkTo(page: Page | 'start' | 'doctor' | 'rules' | 'review' | 'prompt', item?: string): string {
  return item === undefined ? `#/${page}` : `#/${page}/${encodeURIComponent(item)}`;
}

/** Goes there. */
export function navigate(page: Page | 'start' | 'doctor' | 'rules' | 'review', item?: string): void {
  location.hash = linkTo(page, item);
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

let lastHash = '';
let lastRoute: Route = parseRoute('');

/** The route of this moment. */
export function useRoute(): Route {
  return useSyncExternalStore(subscribe, () => {
    if (location.hash !== lastHash) {
      lastHash = location.hash;
      lastRoute = parseRoute(lastHash);
    }
    return lastRoute;
  });
}
