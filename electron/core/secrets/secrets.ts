/** Seals bytes for the disk. Each sealed value names its sealer (`security.md` S21). */
export interface Sealer {
  /** Stable name: `keyfile`, or `safe-storage:<backend>`. */
  readonly name: string;
  /** @param name of the secret; bound to the value where the sealer can, so that values cannot change places */
  seal(plain: Uint8Array, name: string): Promise<Uint8Array>;
  /** @throws SallyportError `secrets_locked` (sealed with another key) or `secrets_corrupt` at hop `app` */
  open(sealed: Uint8Array, name: string): Promise<Uint8Array>;
}

/** Named secrets: private keys, tokens, environment values. Never in argv, logs, URLs, IPC or plain files. */
export interface Secrets {
  /** @throws SallyportError `secrets_locked` at hop `app` where another sealer is needed: nothing is made anew */
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
  /** Names, by prefix; never values. */
  names(prefix?: string): readonly string[];
}
