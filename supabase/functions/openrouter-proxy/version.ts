/** The gateway's version, as its health route tells it. */
export const VERSION = "1.0.0";
