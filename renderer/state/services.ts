import { createContext, use, useSyncExternalStore } from 'react';
import type { AppState } from '../../electron/shared/contract.ts';
import type { Bridge } from '../bridge.ts';
import type { AppSnapshot, AppStore } from './app-store.ts';
import type { LogSnapshot, LogStore } from './log-store.ts';

/** What every component may reach: the bridge and the two stores that it feeds. */
export interface Services {
  readonly bridge: Bridge;
  readonly app: AppStore;
  readonly log: LogStore;
}

/** Set once by `main.tsx`. */
export const ServicesContext = createContext<Services | undefined>(undefined);

/** The services of this window. */
export function useServices(): Services {
  const services = use(ServicesContext);
  if (!services) throw new Error('ServicesContext is not set.');
  return services;
}

/** Connection and state; `state` is undefined until the first snapshot. */
export function useSnapshot(): AppSnapshot {
  const { app } = useServices();
  return useSyncExternalStore(app.subscribe, app.getSnapshot);
}

const StateContext = createContext<AppState | undefined>(undefined);
/** Hands the loaded state to the pages, which are only drawn once there is one. */
export const StateProvider = StateContext.Provider;

/** The core's state, on pages that are drawn only once it is loaded. */
export function useAppState(): AppState {
  const state = use(StateContext);
  if (!state) throw new Error('StateProvider is not set.');
  return state;
}

/** The live log. */
export function useLog(): LogSnapshot {
  const { log } = useServices();
  return useSyncExternalStore(log.subscribe, log.getSnapshot);
}
