package io.aquatint.diffusion.graph;

/**
 * Layers that are written otherwise for a GPU, where feature maps lie channels last: [b, c, h, w] whose channels are next to each
 * other in memory. Each is a method of the module, which looks at the device when it runs.
 */
enum Routine {
    /**
     * PyTorch's group norm wants channels first on a GPU: it copies what goes in, and what comes out is copied again for the next
     * convolution. This one reads the feature map where it lies. Not in float16, which is too narrow for the variance of a feature map
     * whose numbers are large.
     */
    GROUP_NORM("group_norm", """
              def group_norm(self: __torch__.M, x: Tensor, groups: int, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
                if torch.ne(ops.prim.dtype(x), 5) and ops.prim.is_cuda(x):
                  shape = torch.size(x)
                  each = torch.floordiv(shape[1], groups)
                  last = torch.permute(x, [0, 2, 3, 1])
                  parts = torch.reshape(last, [shape[0], -1, groups, each])
                  variance, mean, = torch.var_mean(parts, [1, 3], correction=0, keepdim=True)
                  scale = torch.mul(torch.rsqrt(torch.add(variance, epsilon)), torch.view(weight, [1, 1, groups, each]))
                  shift = torch.addcmul(torch.view(bias, [1, 1, groups, each]), mean, scale, value=-1)
                  normed = torch.addcmul(shift, parts, scale)
                  y = torch.permute(torch.view(normed, [shape[0], shape[2], shape[3], shape[1]]), [0, 3, 1, 2])
                else:
                  y = torch.group_norm(x, groups, weight, bias, epsilon, True)
                return y
            """),
    /** A convolution of one pixel is a matrix product, which adds the bias on the way. */
    POINTWISE("pointwise", """
              def pointwise(self: __torch__.M, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                if ops.prim.is_cuda(x):
                  shape = torch.size(x)
                  rows = torch.reshape(torch.permute(x, [0, 2, 3, 1]), [-1, shape[1]])
                  product = torch.linear(rows, torch.flatten(weight, 1, 3), bias)
                  y = torch.permute(torch.reshape(product, [shape[0], shape[2], shape[3], -1]), [0, 3, 1, 2])
                else:
                  y = torch.conv2d(x, weight, bias, [1, 1], [0, 0], [1, 1], 1)
                return y
            """),
    /** Two products in place of one, for a GPU is slow on halves of rows that do not lie side by side. */
    GEGLU("geglu", """
              def geglu(self: __torch__.M, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                if ops.prim.is_cuda(x):
                  weights = torch.chunk(weight, 2, 0)
                  biases = torch.chunk(bias, 2, 0)
                  value = torch.linear(x, weights[0], biases[0])
                  gate = torch.linear(x, weights[1], biases[1])
                else:
                  both = torch.chunk(torch.linear(x, weight, bias), 2, -1)
                  value = both[0]
                  gate = both[1]
                return torch.mul(value, torch.gelu(gate, approximate="none"))
            """);

    private final String method;
    private final String source;

    Routine(String method, String source) {
        this.method = method;
        this.source = source;
    }

    /** The beginning of an expression that calls it, up to the arguments. */
    String call() {
        return "(self)." + method;
    }

    /** The method as TorchScript, indented as those of a module. */
    String source() {
        return source;
    }
}
