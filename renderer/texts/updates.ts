/** Texts of updates. */
export const updatesTexts = {
  updates: {
    title: 'Updates',
    words: {
      off: 'This package names no feed of updates. Update it as you installed it.',
      idle: 'This is the newest version.',
      checking: 'Looking…',
      available: (version: string) => `Version ${version} is there, signed.`,
      downloading: (version: string, percent: number) => `Downloading ${version}: ${percent} %`,
      ready: (version: string) => `Version ${version} is ready. Calls under way are let finish first.`,
    },
    check: 'Look now',
    download: 'Download',
    install: 'Restart and update',
  },
} as const;
