import { contextBridge, type IpcRendererEvent, ipcRenderer } from 'electron';
import { eventNames, requestNames } from './shared/contract-names.ts';

/**
 * The window's bridge: `window.sallyport`, two functions, limited to the names of the contract. What goes in is parsed
 * by the core; answers come as `{ ok: true, value }` or `{ ok: false, error }`, since Electron keeps only the message of
 * an error that crosses worlds. `contextBridge` freezes it.
 */

type Listener = (payload: unknown) => void;

const listeners = new Map<string, Set<Listener>>();

ipcRenderer.on('contract:event', (_event: IpcRendererEvent, topic: string, payload: unknown) => {
  for (const listener of listeners.get(topic) ?? []) listener(payload);
});

contextBridge.exposeInMainWorld('sallyport', {
  request(name: unknown, input: unknown): Promise<unknown> {
    if (typeof name !== 'string' || !Object.hasOwn(requestNames, name)) {
      return Promise.reject(new TypeError('There is no such request.'));
    }
    return ipcRenderer.invoke('contract:request', name, input);
  },
  subscribe(topic: unknown, listener: unknown): () => void {
    if (typeof topic !== 'string' || !Object.hasOwn(eventNames, topic)) throw new TypeError('There is no such topic.');
    if (typeof listener !== 'function') throw new TypeError('The listener must be a function.');
    const heard: Listener = (payload) => listener(payload);
    const ofTopic = listeners.get(topic) ?? new Set();
    listeners.set(topic, ofTopic);
    ofTopic.add(heard);
    // Each subscription asks anew: for the state that means a fresh snapshot, which older listeners can take too.
    void ipcRenderer.invoke('contract:subscribe', topic);
    return () => {
      if (!ofTopic.delete(heard) || ofTopic.size > 0) return;
      void ipcRenderer.invoke('contract:unsubscribe', topic);
    };
  },
});
