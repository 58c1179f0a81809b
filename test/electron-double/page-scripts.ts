/**
 * What runs inside the pages: the two ends of the context bridge and the preload's `electron`. Each function is sent as
 * its own source text, so none may use anything from outside itself.
 */

interface BridgeEnd {
  encode(value: unknown): unknown;
  decode(value: unknown): unknown;
  call(fn: number, args: readonly unknown[]): unknown;
  /** Function number 0 is the entry of this end. */
  entry(run: (...args: never[]) => unknown): void;
}

/** One end of the bridge between two worlds of a page. They share the DOM and nothing else, so calls are events with JSON. */
export function bridgeEnd(token: string, ours: string, theirs: string): BridgeEnd {
  const functions = new Map<number, (...args: never[]) => unknown>();
  const promises = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 1;
  const tell = (name: string, detail: unknown) =>
    window.dispatchEvent(new CustomEvent(token + name, { detail: JSON.stringify(detail) }));
  const hear = (name: string, take: (detail: never) => void, once = false) =>
    window.addEventListener(token + name, (event) => take(JSON.parse((event as CustomEvent<string>).detail) as never), {
      once,
    });

  const encode = (value: unknown): unknown => {
    if (typeof value === 'function') {
      const id = next++;
      functions.set(id, value as (...args: never[]) => unknown);
      return { $fn: id };
    }
    if (value instanceof Promise) {
      const id = next++;
      value.then(
        (result: unknown) => tell(`${theirs}-settle`, { id, ok: true, value: encode(result) }),
        (error: unknown) =>
          tell(`${theirs}-settle`, { id, ok: false, message: error instanceof Error ? error.message : String(error) }),
      );
      return { $promise: id };
    }
    if (Array.isArray(value)) return value.map(encode);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, encode(each)]));
    }
    return value === undefined ? { $undefined: true } : value;
  };
  const decode = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(decode);
    if (typeof value !== 'object' || value === null) return value;
    const marked = value as { $fn?: number; $promise?: number; $undefined?: true };
    if (marked.$undefined) return undefined;
    if (marked.$fn !== undefined) {
      const id = marked.$fn;
      return (...args: unknown[]) => call(id, args);
    }
    if (marked.$promise !== undefined) {
      const id = marked.$promise;
      return new Promise((resolve, reject) => promises.set(id, { resolve, reject }));
    }
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, decode(each)]));
  };
  const call = (fn: number, args: readonly unknown[]): unknown => {
    const n = next++;
    let answer: { value?: unknown; thrown?: string } | undefined;
    hear(`${theirs}-answer-${n}`, (detail) => (answer = detail), true);
    tell(`${theirs}-call`, { n, fn, args: args.map(encode) });
    if (!answer) throw new Error('The other side of the bridge is gone.');
    if (answer.thrown !== undefined) throw new Error(answer.thrown);
    return decode(answer.value);
  };
  hear(`${ours}-call`, ({ n, fn, args }: { n: number; fn: number; args: unknown[] }) => {
    try {
      const result = functions.get(fn)?.(...(args.map(decode) as never[]));
      tell(`${ours}-answer-${n}`, { value: encode(result) });
    } catch (error) {
      tell(`${ours}-answer-${n}`, { thrown: error instanceof Error ? error.message : String(error) });
    }
  });
  hear(`${ours}-settle`, ({ id, ok, value, message }: { id: number; ok: boolean; value: unknown; message: string }) => {
    const promise = promises.get(id);
    promises.delete(id);
    if (ok) promise?.resolve(decode(value));
    else promise?.reject(new Error(message));
  });
  return { encode, decode, call, entry: (run) => functions.set(0, run) };
}

/** The page's own world: defines what the preload exposes, frozen, before the first script of the page. */
export function mainWorld(makeEnd: typeof bridgeEnd, token: string): void {
  if (window !== window.top) return;
  const end = makeEnd(token, 'page', 'preload');
  end.entry((key: string, api: Record<string, unknown>) => {
    Object.defineProperty(window, key, { value: Object.freeze(api), enumerable: true });
  });
}

/** The preload's world: `electron` as far as a sandboxed preload has it, over a binding that only this world sees. */
export function preloadWorld(
  makeEnd: typeof bridgeEnd,
  token: string,
  binding: string,
  preload: (require: (name: string) => unknown) => void,
): void {
  if (window !== window.top) return;
  const end = makeEnd(token, 'preload', 'page');
  const send = (globalThis as unknown as Record<string, (text: string) => void>)[binding];
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const listeners = new Map<string, Set<(event: object, ...args: unknown[]) => void>>();
  let next = 1;
  const missing = (name: string, object: object) =>
    new Proxy(object, {
      get(target, property) {
        if (typeof property === 'string' && !(property in target))
          throw new Error(`${name}.${property} is not in the double.`);
        return Reflect.get(target, property);
      },
    });
  const electron = {
    contextBridge: missing('contextBridge', {
      exposeInMainWorld(key: string, api: object) {
        end.call(0, [key, api]);
      },
    }),
    ipcRenderer: missing('ipcRenderer', {
      invoke(channel: string, ...args: unknown[]) {
        // What cannot be cloned throws, as in Electron.
        const cloned = structuredClone(args);
        return new Promise((resolve, reject) => {
          const id = next++;
          waiting.set(id, { resolve, reject });
          send?.(JSON.stringify({ id, channel, args: cloned }));
        });
      },
      on(channel: string, listener: (event: object, ...args: unknown[]) => void) {
        const ofChannel = listeners.get(channel) ?? new Set();
        listeners.set(channel, ofChannel.add(listener));
      },
    }),
  };
  Object.defineProperty(globalThis, '__double', {
    value: {
      answer(id: number, ok: boolean, value: unknown) {
        const request = waiting.get(id);
        waiting.delete(id);
        if (ok) request?.resolve(value);
        else request?.reject(new Error(String(value)));
      },
      emit(channel: string, args: unknown[]) {
        for (const listener of listeners.get(channel) ?? []) listener({}, ...args);
      },
    },
  });
  preload((name) => {
    if (name === 'electron') return missing('electron', electron);
    throw new Error(`A sandboxed preload cannot require ${name}.`);
  });
}
