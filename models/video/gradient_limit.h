// Keeps single samples of a training batch from ruling its gradient.
#pragma once

#include <ATen/ATen.h>

namespace tessera::models {

// x [B,...] as it is. On the way back no sample's gradient at this place is larger than `times` that of the batch's median sample (the lower one of
// two); larger ones are scaled down to it. What is compared is |gradient| |x| (2-norms over the sample): a layer's weights see the product of the two.
// Below three samples, or with `times` 0, nothing is limited. Nothing is read back to the host.
at::Tensor limit_gradient(const at::Tensor& x, double times);

// Of losses [B], each as it is up to `knee` and then knee (2 - knee / loss): it stays below 2 knee, and the gradient falls by (knee / loss)^2.
at::Tensor redescend(const at::Tensor& loss, double knee);

// Constants [B] for losses [B], proportional to (loss + a tenth of the mean)^-exponent, that leave the mean of the losses as it is.
at::Tensor relative_weights(const at::Tensor& loss, double exponent);

}  // namespace tessera::models
