// This version of Daruma.

export const version = '0.1.0'
