/* Keys of what is drawn by counting: the n-th number is made of its key and n alone, and nobody keeps a state. */
#ifndef CBACKPROP_KEYS_H
#define CBACKPROP_KEYS_H

#include <stdint.h>

/* The n-th of the keys that `key` stands for: of a seed's steps, of a step's layers, of a layer's rows. As splitmix64
   makes its n-th number (Steele, Lea and Flood, 2014): every bit of it hangs on all of key and n. */
static inline uint64_t nth_key(uint64_t key, uint64_t n)
{
    uint64_t x = key + (n + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
