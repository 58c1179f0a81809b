const { contextBridge } = require('electron');

globalThis.ofThePreload = true;
contextBridge.exposeInMainWorld('api', {
  add: (a, b) => a + b,
  later: async (value) => ({ value }),
  fails: async () => {
    throw new Error('no');
  },
  throws: () => {
    throw new TypeError('at once');
  },
  counts: (listener) => {
    listener(1);
    listener(2);
    return () => listener(3);
  },
});
